-- What came of looking at an auto-reload: the newest row goes on where the answer is the same, otherwise one more.
WITH newest AS (
    SELECT k.account_id, k.first_at, k.reason FROM auto_reload_check k
    WHERE k.account_id = %(account_id)s ORDER BY k.first_at DESC LIMIT 1
), gone_on AS (
    UPDATE auto_reload_check k SET last_at = %(now)s, startable_nanos = %(startable_nanos)s,
        threshold_nanos = %(threshold_nanos)s
    FROM newest n
    WHERE k.account_id = n.account_id AND k.first_at = n.first_at AND n.reason = %(reason)s
        AND %(payment_id)s::text IS NULL
    RETURNING k.first_at
)
INSERT INTO auto_reload_check (
    account_id, first_at, last_at, reason, startable_nanos, threshold_nanos, payment_id
)
SELECT %(account_id)s, %(now)s, %(now)s, %(reason)s, %(startable_nanos)s, %(threshold_nanos)s, %(payment_id)s
WHERE NOT EXISTS (SELECT FROM gone_on)
ON CONFLICT (account_id, first_at) DO UPDATE SET reason = excluded.reason, payment_id = excluded.payment_id,
    startable_nanos = excluded.startable_nanos, threshold_nanos = excluded.threshold_nanos
