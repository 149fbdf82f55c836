-- A checkout page of the sandbox, the same one for the same payment.
INSERT INTO sandbox_checkout AS s (
    account_id, checkout_id, payment_id, amount_nanos, success_url, cancel_url, created_at
)
VALUES (
    %(account_id)s, %(checkout_id)s, %(payment_id)s, %(amount_nanos)s, %(success_url)s, %(cancel_url)s, %(now)s
)
ON CONFLICT (account_id, payment_id) DO UPDATE SET payment_id = s.payment_id
RETURNING s.checkout_id
