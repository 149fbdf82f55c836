-- The live calls not heard from since a moment, oldest first, to be ended by the watchdog.
SELECT c.account_id, c.call_id FROM open_call_record c
WHERE c.status = 'live' AND c.last_heard_at <= %(silent_since)s
ORDER BY c.last_heard_at LIMIT %(limit)s
