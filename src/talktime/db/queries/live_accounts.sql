-- Some accounts as they stand, each with its month so far.
SELECT a.account_id, a.name, a.email, a.status, a.verified, a.promo_nanos, a.paid_nanos, a.held_nanos,
    a.refund_reserved_nanos, a.margin_ppm, a.warning_level_nanos, a.time_zone, a.created_at,
    a.former_time_zone, a.time_zone_since, a.number_mask,
    month_to_date(a.account_id, a.time_zone, %(now)b::timestamptz) AS month_to_date_nanos
FROM account a WHERE a.account_id = any(%(account_id)b::text [])
