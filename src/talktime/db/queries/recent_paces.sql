-- What accounts' last charged calls cost and how long they took, per agent and channel, the most used of an account
-- first; looked for among its last so many calls.
SELECT p.account_id, p.agent_id, p.channel, p.calls, p.charge_nanos, p.duration_ms
FROM unnest(%(account_id)s::text []) WITH ORDINALITY AS w (account_id, item)
CROSS JOIN LATERAL (
    SELECT w.account_id, g.agent_id, g.channel, count(*) AS calls, sum(g.charge_nanos)::bigint AS charge_nanos,
        sum(g.duration_ms)::bigint AS duration_ms,
        row_number() OVER (ORDER BY g.used DESC, max(g.admitted_at) DESC, g.channel) AS place
    FROM (
        SELECT n.agent_id, n.channel, n.charge_nanos, n.duration_ms, n.admitted_at,
            count(*) OVER (PARTITION BY n.agent_id, n.channel) AS used,
            row_number() OVER (PARTITION BY n.agent_id, n.channel ORDER BY n.admitted_at DESC) AS nth
        FROM (
            SELECT c.agent_id, c.channel, c.billing_status, c.charge_nanos, c.duration_ms, c.admitted_at
            FROM call c WHERE c.account_id = w.account_id
            ORDER BY c.admitted_at DESC, c.call_id DESC LIMIT %(among)s
        ) n
        WHERE n.billing_status = 'charged' AND n.charge_nanos > 0 AND n.duration_ms > 0
    ) g
    WHERE g.nth <= %(calls_max)s
    GROUP BY g.agent_id, g.channel, g.used
    ORDER BY place LIMIT %(limit)s
) p
ORDER BY w.item, p.place
