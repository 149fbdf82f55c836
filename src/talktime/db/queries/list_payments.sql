-- Payments of one account or, with none named, of all, newest first, below one.
SELECT p.account_id, p.payment_id, p.provider, p.status, p.amount_nanos, p.checkout_id, p.checkout_url, p.intent_id,
    p.failure, p.created_at, p.expires_at, p.settled_at, p.entry_seq, p.origin, p.needs_customer, p.return_url
FROM payment p
WHERE (%(account_id)s::text IS NULL OR p.account_id = %(account_id)s)
    AND (%(status)s::text IS NULL OR p.status = %(status)s)
    AND (
        %(before_time)s::timestamptz IS NULL
        OR (p.created_at, p.account_id, p.payment_id)
        < (%(before_time)s::timestamptz, %(before_account)s::text COLLATE "C", %(before_id)s::text COLLATE "C")
    )
ORDER BY p.created_at DESC, p.account_id DESC, p.payment_id DESC LIMIT %(limit)s
