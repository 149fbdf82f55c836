-- Locks accounts in the one order, so that what is read next stays true until the transaction ends.
SELECT a.account_id FROM account a WHERE a.account_id = any(%(account_id)b::text [])
ORDER BY a.account_id COLLATE "C" FOR NO KEY UPDATE
