-- Open payments on pages, those first whose provider was asked longest ago, marked as asked now; others pass them over.
WITH due AS (
    SELECT o.account_id, o.payment_id, coalesce(o.checked_at, o.created_at) AS asked_at FROM payment o
    WHERE o.status IN ('opening', 'waiting') AND o.provider = %(provider)s
        AND coalesce(o.checked_at, o.created_at) < %(now)s::timestamptz - least(
            %(after)s::interval, greatest(%(young_after)s::interval, (%(now)s::timestamptz - o.created_at) / 4)
        )
        AND (o.origin = 'checkout' OR (o.needs_customer AND (o.checkout_id IS NOT NULL OR o.expires_at <= %(now)s)))
    ORDER BY asked_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
),

asked AS (
    UPDATE payment p SET checked_at = %(now)s
    FROM due
    WHERE p.account_id = due.account_id AND p.payment_id = due.payment_id
    RETURNING p.account_id, p.payment_id, p.provider, p.status, p.amount_nanos, p.checkout_id, p.checkout_url,
        p.intent_id, p.failure, p.created_at, p.expires_at, p.settled_at, p.entry_seq, p.origin, p.needs_customer,
        p.return_url, due.asked_at
)

SELECT a.account_id, a.payment_id, a.provider, a.status, a.amount_nanos, a.checkout_id, a.checkout_url, a.intent_id,
    a.failure, a.created_at, a.expires_at, a.settled_at, a.entry_seq, a.origin, a.needs_customer, a.return_url
FROM asked a ORDER BY a.asked_at
