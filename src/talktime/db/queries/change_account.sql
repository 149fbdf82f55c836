-- Sets what is given; a NULL leaves the column as it is, the margin aside, which may be set to NULL.
UPDATE account a SET
    status = coalesce(%(status)s, a.status),
    margin_ppm = CASE WHEN %(sets_margin)s::boolean THEN %(margin_ppm)s::integer ELSE a.margin_ppm END,
    warning_level_nanos = coalesce(%(warning_level)s::bigint, a.warning_level_nanos),
    time_zone = coalesce(%(time_zone)s, a.time_zone)
WHERE a.account_id = %(account_id)s
RETURNING timezone(a.time_zone, %(now)s)
