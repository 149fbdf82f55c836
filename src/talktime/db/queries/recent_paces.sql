-- What an account's last charged calls cost and how long they took, per agent and channel, the most used
-- first; looked for among its last so many calls.
SELECT g.agent_id, g.channel, count(*) AS calls, sum(g.charge_nanos)::bigint AS charge_nanos,
    sum(g.duration_ms)::bigint AS duration_ms
FROM (
    SELECT n.agent_id, n.channel, n.charge_nanos, n.duration_ms, n.admitted_at,
        count(*) OVER (PARTITION BY n.agent_id, n.channel) AS used,
        row_number() OVER (PARTITION BY n.agent_id, n.channel ORDER BY n.admitted_at DESC) AS nth
    FROM (
        SELECT c.agent_id, c.channel, c.billing_status, c.charge_nanos, c.duration_ms, c.admitted_at
        FROM call c WHERE c.account_id = %(account_id)s
        ORDER BY c.admitted_at DESC, c.call_id DESC LIMIT %(among)s
    ) n
    WHERE n.billing_status = 'charged' AND n.charge_nanos > 0 AND n.duration_ms > 0
) g
WHERE g.nth <= %(calls_max)s
GROUP BY g.agent_id, g.channel, g.used
ORDER BY g.used DESC, max(g.admitted_at) DESC, g.channel LIMIT %(limit)s
