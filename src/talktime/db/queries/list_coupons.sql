-- The coupons after one in the order of their codes.
SELECT c.code, c.amount_nanos, c.max_redemptions, c.starts_at, c.ends_at, c.note, c.only_account_id,
    c.new_account_days, c.redemptions, c.created_at
FROM coupon c WHERE c.code > %(after)s ORDER BY c.code LIMIT %(limit)s
