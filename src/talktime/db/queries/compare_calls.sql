-- The charged calls of a channel (and, where one is given, an agent) before a call, among the last so many there were.
SELECT c.*
FROM (
    SELECT n.call_id, n.admitted_at, n.channel, n.agent_id, n.billing_status, n.charge_nanos
    FROM call n
    WHERE n.account_id = %(account_id)s
        AND (n.admitted_at, n.call_id) < (%(before_time)s::timestamptz, %(before_call)s::text COLLATE "C")
    ORDER BY n.admitted_at DESC, n.call_id DESC LIMIT %(most)s
) l
JOIN call_record c ON c.account_id = %(account_id)s AND c.call_id = l.call_id
WHERE l.billing_status = 'charged' AND l.charge_nanos > 0 AND l.channel = %(channel)s
    AND (%(agent_id)s::text IS NULL OR l.agent_id = %(agent_id)s::text)
ORDER BY l.admitted_at DESC, l.call_id DESC LIMIT %(limit)s
