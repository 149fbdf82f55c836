-- Every account below its threshold that was to be looked at long ago, and was not, is to be looked at now.
WITH low AS MATERIALIZED (
    SELECT o.account_id FROM auto_reload o
    INNER JOIN account a ON o.account_id = a.account_id
    WHERE o.is_on AND o.stopped_at IS NULL AND o.look_at <= %(since)s
        AND a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos - a.held_nanos < o.threshold_nanos
)

UPDATE auto_reload r SET look_at = %(now)s
FROM low
WHERE r.account_id = low.account_id AND r.look_at <= %(since)s
