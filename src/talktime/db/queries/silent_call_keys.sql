-- The live calls not heard from since a moment, oldest first, to be ended by the watchdog.
SELECT c.account_id, c.call_id FROM call c
WHERE c.billing_status IN ('pending', 'unpriced') AND c.status = 'live' AND c.last_heard_at <= %(silent_since)s
ORDER BY c.last_heard_at LIMIT %(limit)s
