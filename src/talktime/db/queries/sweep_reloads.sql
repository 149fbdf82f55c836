-- Accounts below their threshold that were to be looked at long ago, and were not, are to be looked at now: the
-- longest overdue first. Whoever is held elsewhere the next sweep finds.
WITH low AS MATERIALIZED (
    SELECT o.account_id FROM auto_reload o
    INNER JOIN account a ON o.account_id = a.account_id
    WHERE o.is_on AND o.stopped_at IS NULL AND o.look_at <= %(since)s
        AND a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos - a.held_nanos < o.threshold_nanos
    ORDER BY o.look_at LIMIT %(limit)s FOR UPDATE OF o SKIP LOCKED
)

UPDATE auto_reload r SET look_at = %(now)s
FROM low
WHERE r.account_id = low.account_id
