-- Accounts whose startable balance is below the threshold that they chose, and that are due to be looked at; whoever
-- asks next passes them over for a while. Only those are compared that can have fallen: calls run on them, something
-- happened on them of late, or they were to be looked at about now. Whoever is left out sweep_reloads finds.
WITH moved AS MATERIALIZED (
    SELECT c.account_id FROM open_call c
    UNION
    SELECT e.account_id FROM event e WHERE e.recorded_at > %(moved_since)s
    UNION
    SELECT w.account_id FROM auto_reload w
    WHERE w.is_on AND w.stopped_at IS NULL AND w.look_at > %(due_since)s AND w.look_at <= %(now)s
)

UPDATE auto_reload r SET look_at = %(again_at)s
FROM (
    SELECT o.account_id FROM moved m
    INNER JOIN auto_reload o ON m.account_id = o.account_id
    INNER JOIN account a ON m.account_id = a.account_id
    WHERE o.is_on AND o.stopped_at IS NULL AND o.look_at <= %(now)s
        AND a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos - a.held_nanos < o.threshold_nanos
    ORDER BY o.look_at LIMIT %(limit)s FOR UPDATE OF o SKIP LOCKED
) due
WHERE r.account_id = due.account_id
RETURNING r.account_id
