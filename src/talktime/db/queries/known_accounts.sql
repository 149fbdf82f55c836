-- Those of some accounts that exist.
SELECT a.account_id FROM account a WHERE a.account_id = any(%(account_id)s::text [])
