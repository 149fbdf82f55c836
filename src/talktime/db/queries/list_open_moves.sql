-- What is under way between an account and its cards, newest first: payments that are not settled, refunds asked for
-- or running, and those that were begun at the provider and are not confirmed.
SELECT o.kind, o.ref, o.amount_nanos, o.state
FROM (
    SELECT 'top_up' AS kind, p.payment_id AS ref, p.amount_nanos, p.created_at AS began_at,
        CASE
            WHEN p.needs_customer AND p.expires_at > %(now)s THEN 'needs_customer'
            WHEN p.origin = 'auto_reload' AND NOT p.needs_customer THEN 'charging'
            WHEN p.expires_at <= %(now)s THEN 'late'
            WHEN p.failure IS NOT NULL THEN 'declined'
            ELSE 'unpaid'
        END AS state
    FROM payment p
    WHERE p.account_id = %(account_id)s AND p.status IN ('opening', 'waiting') AND p.created_at > %(since)s
    UNION ALL
    SELECT 'refund', r.refund_id, r.amount_nanos, r.asked_at,
        CASE r.status WHEN 'asked' THEN 'asked' ELSE 'sending' END
    FROM refund r WHERE r.account_id = %(account_id)s AND r.status IN ('asked', 'running')
    UNION ALL
    SELECT 'direct_refund', d.part_id, d.amount_nanos, d.created_at, 'sending'
    FROM refund_part d WHERE d.account_id = %(account_id)s AND d.refund_id IS NULL AND d.status = 'pending'
) o
ORDER BY o.began_at DESC, o.ref DESC LIMIT %(limit)s
