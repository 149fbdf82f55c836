-- What some accounts say of their balances, in order, for the audit.
SELECT a.account_id, a.promo_nanos, a.paid_nanos, a.held_nanos, a.entry_seq
FROM account a
WHERE a.account_id > %(after)s AND (%(wanted)s::text IS NULL OR a.account_id = %(wanted)s)
ORDER BY a.account_id LIMIT %(limit)s
