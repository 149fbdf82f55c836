-- The accounts after one in the order of their ids.
SELECT a.account_id, a.name, a.email, a.status, a.verified, a.promo_nanos, a.paid_nanos, a.held_nanos,
    a.refund_reserved_nanos, a.margin_ppm, a.warning_level_nanos, a.time_zone, a.created_at,
    a.former_time_zone, a.time_zone_since, a.number_mask,
    month_to_date(a.account_id, a.time_zone, %(now)s) AS month_to_date_nanos
FROM account a WHERE a.account_id > %(after)s
ORDER BY a.account_id LIMIT %(limit)s
