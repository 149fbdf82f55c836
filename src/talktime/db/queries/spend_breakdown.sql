-- What an account's calls of a period (by settled time) were charged, by channel and agent, the dearest and the free.
-- Calls are found by admission, with some days before the period; for those admitted outside of that, by entry.
WITH picked AS MATERIALIZED (
    SELECT c.call_id, c.channel, c.agent_id, c.free_reason, c.charge_nanos, c.duration_ms
    FROM call c
    WHERE c.account_id = %(account_id)s
        AND c.admitted_at >= %(reached)s::timestamptz AND c.admitted_at < %(until)s::timestamptz
        AND c.settled_at >= %(since)s::timestamptz AND c.settled_at < %(until)s::timestamptz
    UNION ALL
    SELECT k.call_id, k.channel, k.agent_id, k.free_reason, k.charge_nanos, k.duration_ms
    FROM (
        SELECT e.account_id, e.ref
        FROM entry e
        WHERE %(by_entry)s::boolean AND e.account_id = %(account_id)s AND e.kind = 'call'
            AND e.seq >= first_entry_since(%(account_id)s, %(since)s::timestamptz)
            AND e.seq < first_entry_since(%(account_id)s, %(until)s::timestamptz)
    ) o
    CROSS JOIN LATERAL (
        SELECT c.call_id, c.channel, c.agent_id, c.free_reason, c.charge_nanos, c.duration_ms
        FROM call c
        WHERE c.account_id = o.account_id AND c.call_id = o.ref
            AND NOT (c.admitted_at >= %(reached)s::timestamptz AND c.admitted_at < %(until)s::timestamptz)
    ) k
)
(
    SELECT 'channel' AS kind, p.channel AS key, count(*) AS calls, sum(p.charge_nanos)::bigint AS charge_nanos,
        coalesce(sum(p.duration_ms), 0)::bigint AS duration_ms,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY p.charge_nanos) AS median_nanos,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY p.duration_ms) AS median_ms
    FROM picked p WHERE p.free_reason IS NULL GROUP BY p.channel
)
UNION ALL
(
    SELECT 'agent', p.agent_id, count(*), sum(p.charge_nanos)::bigint, coalesce(sum(p.duration_ms), 0)::bigint,
        NULL::bigint, NULL::bigint
    FROM picked p WHERE p.free_reason IS NULL GROUP BY p.agent_id
    ORDER BY sum(p.charge_nanos) DESC, p.agent_id LIMIT %(agents)s
)
UNION ALL
(
    SELECT 'dear', p.call_id, 1, p.charge_nanos, coalesce(p.duration_ms, 0), NULL::bigint, NULL::bigint
    FROM picked p WHERE p.free_reason IS NULL AND p.charge_nanos > 0
    ORDER BY p.charge_nanos DESC, p.call_id LIMIT %(dearest)s
)
UNION ALL
(
    SELECT 'free', p.free_reason, count(*), 0, coalesce(sum(p.duration_ms), 0)::bigint, NULL::bigint, NULL::bigint
    FROM picked p WHERE p.free_reason IS NOT NULL GROUP BY p.free_reason
    ORDER BY count(*) DESC, p.free_reason
)
