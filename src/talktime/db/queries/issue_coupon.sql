-- Issues a coupon unless its code is taken.
INSERT INTO coupon (code, amount_nanos, max_redemptions, starts_at, ends_at, note, only_account_id,
    new_account_days, created_at)
VALUES (%(code)s, %(amount)s, %(max_redemptions)s, %(starts_at)s, %(ends_at)s, %(note)s, %(only_account_id)s,
    %(new_account_days)s, %(now)s)
ON CONFLICT (code) DO NOTHING
RETURNING code
