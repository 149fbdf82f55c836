-- Sets what is given; a NULL leaves the column as it is, the margin aside, which may be set to NULL.
-- A changed time zone counts from the next month, as the zone in force has it.
UPDATE account a SET
    status = coalesce(%(status)s, a.status),
    margin_ppm = CASE WHEN %(sets_margin)s::boolean THEN %(margin_ppm)s::integer ELSE a.margin_ppm END,
    warning_level_nanos = coalesce(%(warning_level)s::bigint, a.warning_level_nanos),
    time_zone = coalesce(%(time_zone)s, a.time_zone),
    number_mask = coalesce(%(number_mask)s, a.number_mask),
    former_time_zone = CASE WHEN %(time_zone)s <> a.time_zone THEN f.zone ELSE a.former_time_zone END,
    time_zone_since = CASE
        WHEN %(time_zone)s <> a.time_zone
            THEN (date_trunc('month', f.now_at AT TIME ZONE f.zone) + interval '1 month') AT TIME ZONE f.zone
        ELSE a.time_zone_since
    END
FROM (
    SELECT b.account_id, w.now_at,
        CASE WHEN w.now_at < b.time_zone_since THEN b.former_time_zone ELSE b.time_zone END AS zone
    FROM account AS b
    CROSS JOIN (SELECT %(now)s::timestamptz AS now_at) AS w
) AS f
WHERE f.account_id = a.account_id AND a.account_id = %(account_id)s
RETURNING timezone(a.time_zone, f.now_at)
