-- What the customer chooses; choosing anew forgives what failed.
INSERT INTO auto_reload AS r (
    account_id, is_on, threshold_nanos, amount_nanos, day_ceiling_nanos, month_ceiling_nanos, look_at, changed_at
)
SELECT a.account_id, %(is_on)s, %(threshold_nanos)s, %(amount_nanos)s, %(day_ceiling_nanos)s,
    %(month_ceiling_nanos)s, %(now)s, %(now)s
FROM account a WHERE a.account_id = %(account_id)s
ON CONFLICT (account_id) DO UPDATE SET is_on = excluded.is_on, threshold_nanos = excluded.threshold_nanos,
    amount_nanos = excluded.amount_nanos, day_ceiling_nanos = excluded.day_ceiling_nanos,
    month_ceiling_nanos = excluded.month_ceiling_nanos, failures = 0, stopped_at = NULL,
    look_at = excluded.look_at, changed_at = excluded.changed_at
RETURNING r.account_id
