-- What moved, or was to move, between an account and its cards, by key: newest first, below one, of some kinds.
SELECT m.kind, m.moved_at, m.ref
FROM (
    (
        SELECT 'top_up' AS kind, p.created_at AS moved_at, p.payment_id AS ref
        FROM payment p
        WHERE p.account_id = %(account_id)s AND 'top_up' = any(%(kinds)s::text [])
            AND p.created_at <= coalesce(%(before_time)s::timestamptz, 'infinity')
            AND (p.created_at, 'top_up' COLLATE "C", p.payment_id)
            < (coalesce(%(before_time)s::timestamptz, 'infinity'), %(before_kind)s::text, %(before_ref)s::text)
        ORDER BY p.created_at DESC, p.payment_id DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT 'refund', r.asked_at, r.refund_id
        FROM refund r
        WHERE r.account_id = %(account_id)s AND 'refund' = any(%(kinds)s::text [])
            AND (r.asked_at, 'refund' COLLATE "C", r.refund_id)
            < (coalesce(%(before_time)s::timestamptz, 'infinity'), %(before_kind)s::text, %(before_ref)s::text)
        ORDER BY r.asked_at DESC, r.refund_id DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT 'direct_refund', d.created_at, d.part_id
        FROM refund_part d
        WHERE d.account_id = %(account_id)s AND d.refund_id IS NULL AND 'direct_refund' = any(%(kinds)s::text [])
            AND (d.created_at, 'direct_refund' COLLATE "C", d.part_id)
            < (coalesce(%(before_time)s::timestamptz, 'infinity'), %(before_kind)s::text, %(before_ref)s::text)
        ORDER BY d.created_at DESC, d.part_id DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT e.kind, e.recorded_at, e.ref
        FROM entry e
        WHERE e.account_id = %(account_id)s AND e.kind IN ('chargeback', 'chargeback_reversed')
            AND e.kind = any(%(kinds)s::text [])
            AND (e.recorded_at, e.kind COLLATE "C", e.ref)
            < (coalesce(%(before_time)s::timestamptz, 'infinity'), %(before_kind)s::text, %(before_ref)s::text)
        ORDER BY e.recorded_at DESC, e.kind COLLATE "C" DESC, e.ref DESC LIMIT %(limit)s
    )
) m
ORDER BY m.moved_at DESC, m.kind COLLATE "C" DESC, m.ref COLLATE "C" DESC LIMIT %(limit)s
