-- What an account's calls of some days came to, a row per day and channel that had any, by settled time.
-- The days lie between neighbouring edges. Calls are found by admission, from some time before the first;
-- those admitted outside of that, if asked for, by entry.
WITH picked AS MATERIALIZED (
    SELECT width_bucket(f.settled_at, %(edges)s::timestamptz []) AS item, f.call_id, f.channel, f.agent_id,
        f.free_reason, f.charge_nanos, f.duration_ms
    FROM (
        SELECT c.settled_at, c.call_id, c.channel, c.agent_id, c.free_reason, c.charge_nanos, c.duration_ms
        FROM call c
        WHERE c.account_id = %(account_id)s
            AND c.admitted_at >= %(reached)s::timestamptz AND c.admitted_at < %(until)s::timestamptz
            AND c.settled_at >= %(since)s::timestamptz AND c.settled_at < %(until)s::timestamptz
        UNION ALL
        SELECT k.settled_at, k.call_id, k.channel, k.agent_id, k.free_reason, k.charge_nanos, k.duration_ms
        FROM (
            SELECT e.account_id, e.ref
            FROM entry e
            WHERE %(by_entry)s::boolean AND e.account_id = %(account_id)s AND e.kind = 'call'
                AND e.seq >= first_entry_since(%(account_id)s, %(since)s::timestamptz)
                AND e.seq < first_entry_since(%(account_id)s, %(until)s::timestamptz)
        ) o
        CROSS JOIN LATERAL (
            SELECT c.settled_at, c.call_id, c.channel, c.agent_id, c.free_reason, c.charge_nanos, c.duration_ms
            FROM call c
            WHERE c.account_id = o.account_id AND c.call_id = o.ref
                AND NOT (c.admitted_at >= %(reached)s::timestamptz AND c.admitted_at < %(until)s::timestamptz)
        ) k
    ) f
), charged AS (
    SELECT p.item, p.channel, count(*) AS calls, sum(p.charge_nanos)::bigint AS charge_nanos,
        coalesce(sum(p.duration_ms), 0)::bigint AS duration_ms,
        string_agg(int8send(p.charge_nanos), ''::bytea ORDER BY p.charge_nanos) AS charges,
        coalesce(string_agg(int8send(p.duration_ms), ''::bytea ORDER BY p.duration_ms), '') AS durations
    FROM picked p WHERE p.free_reason IS NULL GROUP BY p.item, p.channel
), agents AS (
    SELECT a.item, a.channel,
        json_agg(json_build_array(a.agent_id, a.calls, a.charge_nanos, a.duration_ms)) AS agents
    FROM (
        SELECT p.item, p.channel, p.agent_id, count(*) AS calls, sum(p.charge_nanos)::bigint AS charge_nanos,
            coalesce(sum(p.duration_ms), 0)::bigint AS duration_ms
        FROM picked p WHERE p.free_reason IS NULL GROUP BY p.item, p.channel, p.agent_id
    ) a
    GROUP BY a.item, a.channel
), dearest AS (
    SELECT r.item, r.channel, json_agg(json_build_array(r.call_id, r.charge_nanos)) AS dearest
    FROM (
        SELECT p.item, p.channel, p.call_id, p.charge_nanos,
            row_number() OVER (PARTITION BY p.item, p.channel ORDER BY p.charge_nanos DESC, p.call_id) AS place
        FROM picked p WHERE p.free_reason IS NULL AND p.charge_nanos > 0
    ) r
    WHERE r.place <= %(dearest)s GROUP BY r.item, r.channel
), free AS (
    SELECT f.item, f.channel, json_object_agg(f.free_reason, f.calls) AS free
    FROM (
        SELECT p.item, p.channel, p.free_reason, count(*) AS calls
        FROM picked p WHERE p.free_reason IS NOT NULL GROUP BY p.item, p.channel, p.free_reason
    ) f
    GROUP BY f.item, f.channel
)
SELECT item, channel, coalesce(c.calls, 0) AS calls, coalesce(c.charge_nanos, 0) AS charge_nanos,
    coalesce(c.duration_ms, 0) AS duration_ms, coalesce(c.charges, '') AS charges,
    coalesce(c.durations, '') AS durations, coalesce(a.agents, '[]')::text AS agents,
    coalesce(d.dearest, '[]')::text AS dearest, coalesce(f.free, '{}')::text AS free
FROM charged c
FULL JOIN free f USING (item, channel)
LEFT JOIN agents a USING (item, channel)
LEFT JOIN dearest d USING (item, channel)
