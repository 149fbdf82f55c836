-- A payment by the saved card, unless one is under way.
INSERT INTO payment (
    account_id, payment_id, provider, amount_nanos, created_at, expires_at, origin, customer_id, card_id
)
VALUES (
    %(account_id)s, %(payment_id)s, %(provider)s, %(amount_nanos)s, %(now)s, %(expires_at)s, 'auto_reload',
    %(customer_id)s, %(card_id)s
)
ON CONFLICT DO NOTHING
RETURNING payment_id
