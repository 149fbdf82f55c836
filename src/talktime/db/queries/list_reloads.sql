-- An account's payments by saved card since a moment, newest first.
SELECT p.account_id, p.payment_id, p.provider, p.status, p.amount_nanos, p.checkout_id, p.checkout_url, p.intent_id,
    p.failure, p.created_at, p.expires_at, p.settled_at, p.entry_seq, p.origin, p.needs_customer, p.return_url
FROM payment p
WHERE p.account_id = %(account_id)s AND p.origin = 'auto_reload' AND p.created_at >= %(since)s
ORDER BY p.created_at DESC LIMIT %(limit)s
