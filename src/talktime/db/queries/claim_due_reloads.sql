-- Accounts whose startable balance is below the threshold that they chose, and that are due to be looked at; whoever
-- asks next passes them over for a while.
UPDATE auto_reload r SET look_at = %(again_at)s
FROM (
    SELECT o.account_id FROM auto_reload o
    INNER JOIN account a ON o.account_id = a.account_id
    WHERE o.is_on AND o.stopped_at IS NULL AND o.look_at <= %(now)s
        AND a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos - a.held_nanos < o.threshold_nanos
    ORDER BY o.look_at LIMIT %(limit)s FOR UPDATE OF o SKIP LOCKED
) due
WHERE r.account_id = due.account_id
RETURNING r.account_id
