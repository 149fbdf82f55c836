-- The open payment on a page whose provider was asked longest ago, marked as asked now; others pass it over.
UPDATE payment p SET checked_at = %(now)s
FROM (
    SELECT o.account_id, o.payment_id FROM payment o
    WHERE o.status IN ('opening', 'waiting') AND o.provider = %(provider)s
        AND coalesce(o.checked_at, o.created_at) < %(asked_before)s
        AND (o.origin = 'checkout' OR (o.needs_customer AND (o.checkout_id IS NOT NULL OR o.expires_at <= %(now)s)))
    ORDER BY coalesce(o.checked_at, o.created_at) LIMIT 1 FOR UPDATE SKIP LOCKED
) due
WHERE p.account_id = due.account_id AND p.payment_id = due.payment_id
RETURNING p.account_id, p.payment_id, p.provider, p.status, p.amount_nanos, p.checkout_id, p.checkout_url, p.intent_id,
    p.failure, p.created_at, p.expires_at, p.settled_at, p.entry_seq, p.origin, p.needs_customer
