-- What an account's last charged calls on a channel used and how long they took, among its last 200 calls.
SELECT l.duration_ms, l.lines::text
FROM (
    SELECT c.channel, c.billing_status, c.duration_ms, c.lines, c.admitted_at
    FROM call c
    WHERE c.account_id = %(account_id)s
    ORDER BY c.admitted_at DESC, c.call_id DESC LIMIT 200
) l
WHERE l.channel = %(channel)s AND l.billing_status = 'charged' AND l.duration_ms > 0
ORDER BY l.admitted_at DESC LIMIT %(limit)s
