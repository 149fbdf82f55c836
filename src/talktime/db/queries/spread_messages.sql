-- Makes of messages to whoever chose their kind one to each of these, with how long the money lasts at the pace of
-- the account's last calls where they tell a balance running out.
INSERT INTO message (account_id, kind, ref, recipient, facts, created_at, state)
SELECT m.account_id, m.kind, m.ref, r.address,
    m.facts || jsonb_build_object('account_name', a.name) || coalesce(p.facts, '{}'), m.created_at, 'deferred'
FROM unnest(%(account_id)s::text [], %(message_id)s::uuid [], %(choice)s::text [])
    AS w (account_id, message_id, choice)
JOIN message m ON m.account_id = w.account_id AND m.message_id = w.message_id
JOIN account a ON a.account_id = w.account_id
JOIN member r ON r.account_id = w.account_id
    AND CASE WHEN w.choice IS NULL THEN r.role = 'owner' ELSE w.choice = ANY(r.mail) END
LEFT JOIN LATERAL (
    SELECT jsonb_build_object('talk_time_seconds', trunc(
        greatest((m.facts ->> 'available')::numeric, 0) * 1000000 * sum(s.duration_ms) / sum(s.charge_nanos)
    )::bigint::text) AS facts
    FROM (
        SELECT n.charge_nanos, n.duration_ms
        FROM (
            SELECT c.channel, c.billing_status, c.charge_nanos, c.duration_ms, c.admitted_at
            FROM call c WHERE c.account_id = m.account_id
            ORDER BY c.admitted_at DESC, c.call_id DESC LIMIT 10 * %(pace_max)s
        ) n
        WHERE n.billing_status = 'charged' AND n.channel <> 'chat' AND n.duration_ms > 0
        ORDER BY n.admitted_at DESC LIMIT %(pace_max)s
    ) s
    HAVING sum(s.charge_nanos) > 0
) p ON m.kind = 'below_warning'
ON CONFLICT DO NOTHING
RETURNING account_id, message_id
