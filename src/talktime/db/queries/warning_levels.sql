-- The warning levels of some accounts.
SELECT a.account_id, a.warning_level_nanos FROM account a WHERE a.account_id = any(%(account_id)b::text [])
