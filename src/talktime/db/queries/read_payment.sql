-- One payment of an account.
SELECT p.account_id, p.payment_id, p.provider, p.status, p.amount_nanos, p.checkout_id, p.checkout_url, p.intent_id,
    p.failure, p.created_at, p.expires_at, p.settled_at, p.entry_seq, p.origin, p.needs_customer, p.return_url
FROM payment p WHERE p.account_id = %(account_id)s AND p.payment_id = %(payment_id)s
