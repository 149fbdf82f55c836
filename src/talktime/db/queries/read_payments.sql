-- Payments by their accounts and ids.
SELECT p.account_id, p.payment_id, p.provider, p.status, p.amount_nanos, p.checkout_id, p.checkout_url, p.intent_id,
    p.failure, p.created_at, p.expires_at, p.settled_at, p.entry_seq, p.origin, p.needs_customer, p.return_url
FROM payment p
INNER JOIN unnest(%(account_ids)s::text [], %(payment_ids)s::text []) AS w (account_id, payment_id)
    ON p.account_id = w.account_id AND p.payment_id = w.payment_id
