-- What the Billing page tells beside the balance: open calls, recent refusals, whether the balance has
-- come down to where it is, and whether a payment is under way or auto-reload has failed.
WITH open_payment AS (
    SELECT p.payment_id FROM payment p
    WHERE p.account_id = %(account_id)s AND p.status IN ('opening', 'waiting') AND p.created_at > %(payments_since)s
)

SELECT a.event_seq, o.running_calls, o.waiting_calls, f.refused_calls, EXISTS (
    SELECT FROM entry e
    WHERE e.account_id = a.account_id
        AND (e.kind = 'call' OR e.promo_after_nanos + e.paid_after_nanos
            - e.reserved_after_nanos >= a.warning_level_nanos)
) AS has_fallen, EXISTS (
    SELECT FROM open_payment
) OR EXISTS (
    SELECT FROM refund g WHERE g.account_id = a.account_id AND g.status IN ('asked', 'running')
) OR EXISTS (
    SELECT FROM refund_part d
    WHERE d.account_id = a.account_id AND d.refund_id IS NULL AND d.status = 'pending'
) OR EXISTS (
    SELECT FROM auto_reload l WHERE l.account_id = a.account_id AND l.is_on AND l.failures > 0
) AS has_open_moves
FROM (
    SELECT b.account_id, b.event_seq, b.warning_level_nanos
    FROM account b WHERE b.account_id = %(account_id)s
) a
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE c.billing_status = 'pending') AS running_calls,
        count(*) FILTER (WHERE c.billing_status = 'unpriced') AS waiting_calls
    FROM open_call_record c
    WHERE c.account_id = a.account_id
) o
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE n.refused_at > %(refused_since)s) AS refused_calls
    FROM (
        SELECT r.refused_at FROM refusal r WHERE r.account_id = a.account_id
        ORDER BY r.event_seq DESC LIMIT %(refusals_max)s
    ) n
) f
