-- What an account's last calls on a channel were charged and how long they took, looked for among its last 200.
SELECT w.item, r.charge_nanos, r.duration_ms
FROM unnest(%(account_id)s::text [], %(channel)s::text []) WITH ORDINALITY AS w (account_id, channel, item)
CROSS JOIN LATERAL (
    SELECT l.charge_nanos, l.duration_ms
    FROM (
        SELECT c.channel, c.billing_status, c.charge_nanos, c.duration_ms, c.admitted_at
        FROM call c
        WHERE c.account_id = w.account_id
        ORDER BY c.admitted_at DESC, c.call_id DESC LIMIT 200
    ) l
    WHERE l.channel = w.channel AND l.billing_status = 'charged' AND l.duration_ms > 0
    ORDER BY l.admitted_at DESC LIMIT %(limit)s
) r
ORDER BY w.item
