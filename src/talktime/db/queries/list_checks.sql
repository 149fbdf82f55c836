-- What came of looking at an auto-reload, newest first.
SELECT k.reason, k.first_at, k.last_at, k.startable_nanos, k.threshold_nanos, k.payment_id
FROM auto_reload_check k WHERE k.account_id = %(account_id)s ORDER BY k.first_at DESC LIMIT %(limit)s
