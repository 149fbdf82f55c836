-- What the Billing page tells beside the balance: open calls, recent refusals, what a minute costs lately.
SELECT a.event_seq, o.running_calls, o.waiting_calls, f.refused_calls, p.pace_calls, p.pace_nanos, p.pace_ms
FROM (SELECT b.account_id, b.event_seq FROM account b WHERE b.account_id = %(account_id)s) a
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
CROSS JOIN LATERAL (
    SELECT count(*) AS pace_calls, coalesce(sum(s.charge_nanos), 0)::bigint AS pace_nanos,
        coalesce(sum(s.duration_ms), 0)::bigint AS pace_ms
    FROM (
        SELECT n.charge_nanos, n.duration_ms
        FROM (
            SELECT c.channel, c.billing_status, c.charge_nanos, c.duration_ms, c.admitted_at
            FROM call c WHERE c.account_id = a.account_id
            ORDER BY c.admitted_at DESC, c.call_id DESC LIMIT 10 * %(pace_max)s
        ) n
        WHERE n.billing_status = 'charged' AND n.channel <> 'chat' AND n.duration_ms > 0
        ORDER BY n.admitted_at DESC LIMIT %(pace_max)s
    ) s
) p
