-- What an account chose for auto-reload, and how it stands.
SELECT r.account_id, r.is_on, r.threshold_nanos, r.amount_nanos, r.day_ceiling_nanos, r.month_ceiling_nanos,
    r.failures, r.stopped_at, r.attempted_at, r.switched_off_at, r.switched_off_by
FROM auto_reload r WHERE r.account_id = %(account_id)s
