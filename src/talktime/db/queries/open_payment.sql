-- A new payment, unless its id is taken; nothing for an account that is not there.
INSERT INTO payment (account_id, payment_id, provider, amount_nanos, created_at, expires_at, return_url)
SELECT a.account_id, %(payment_id)s, %(provider)s, %(amount_nanos)s, %(now)s, %(expires_at)s,
    %(return_url)s
FROM account a WHERE a.account_id = %(account_id)s
ON CONFLICT (account_id, payment_id) DO NOTHING
RETURNING payment_id
