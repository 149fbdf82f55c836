-- What the customer chooses; the same again changes nothing. A stop is lifted, for some more attempts, by nothing but
-- switching it on.
WITH known AS (SELECT a.account_id FROM account a WHERE a.account_id = %(account_id)s),

chosen AS (
    INSERT INTO auto_reload AS r (
        account_id, is_on, threshold_nanos, amount_nanos, day_ceiling_nanos, month_ceiling_nanos, look_at, changed_at
    )
    SELECT k.account_id, %(is_on)s, %(threshold_nanos)s, %(amount_nanos)s, %(day_ceiling_nanos)s,
        %(month_ceiling_nanos)s, %(now)s, %(now)s
    FROM known k
    ON CONFLICT (account_id) DO UPDATE SET is_on = excluded.is_on, threshold_nanos = excluded.threshold_nanos,
        amount_nanos = excluded.amount_nanos, day_ceiling_nanos = excluded.day_ceiling_nanos,
        month_ceiling_nanos = excluded.month_ceiling_nanos,
        failures = CASE
            WHEN excluded.is_on AND NOT r.is_on AND r.stopped_at IS NOT NULL THEN %(failures_kept)s
            ELSE r.failures
        END,
        stopped_at = CASE WHEN excluded.is_on AND NOT r.is_on THEN NULL ELSE r.stopped_at END,
        switched_off_at = CASE WHEN NOT excluded.is_on THEN r.switched_off_at END,
        switched_off_by = CASE WHEN NOT excluded.is_on THEN r.switched_off_by END,
        look_at = excluded.look_at, changed_at = excluded.changed_at
    WHERE (r.is_on, r.threshold_nanos, r.amount_nanos, r.day_ceiling_nanos, r.month_ceiling_nanos)
        IS DISTINCT FROM (excluded.is_on, excluded.threshold_nanos, excluded.amount_nanos,
            excluded.day_ceiling_nanos, excluded.month_ceiling_nanos)
)

SELECT k.account_id FROM known k
