-- What is under way between an account and its cards, newest first: payments that are not settled, refunds asked for
-- or running, those that were begun at the provider and are not confirmed, and the last auto-reload where that failed
-- and the balance is still low, or no other is tried.
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
    UNION ALL
    SELECT 'top_up', l.payment_id, l.amount_nanos, l.created_at,
        CASE WHEN s.stopped_at IS NULL THEN 'reload_failed' ELSE 'reload_stopped' END
    FROM auto_reload s
    INNER JOIN account a ON s.account_id = a.account_id
    CROSS JOIN LATERAL (
        SELECT p.payment_id, p.amount_nanos, p.created_at, p.status FROM payment p
        WHERE p.account_id = s.account_id AND p.origin = 'auto_reload'
        ORDER BY p.created_at DESC LIMIT 1
    ) l
    WHERE s.account_id = %(account_id)s AND s.is_on AND s.failures > 0 AND l.status IN ('failed', 'expired')
        AND (
            s.stopped_at IS NOT NULL
            OR a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos - a.held_nanos < s.threshold_nanos
        )
) o
ORDER BY o.began_at DESC, o.ref DESC LIMIT %(limit)s
