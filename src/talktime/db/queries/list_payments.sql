-- An account's payments, newest first, below one.
SELECT p.account_id, p.payment_id, p.provider, p.status, p.amount_nanos, p.checkout_id, p.checkout_url, p.intent_id,
    p.failure, p.created_at, p.expires_at, p.settled_at, p.entry_seq, p.origin, p.needs_customer
FROM payment p
WHERE p.account_id = %(account_id)s
    AND (
        %(before_time)s::timestamptz IS NULL
        OR (p.created_at, p.payment_id) < (%(before_time)s::timestamptz, %(before_id)s::text COLLATE "C")
    )
ORDER BY p.created_at DESC, p.payment_id DESC LIMIT %(limit)s
