-- Turns a coupon into promo credit, once per account.
SELECT verdict, seq, promo_delta_nanos, paid_delta_nanos, promo_after_nanos, paid_after_nanos,
    reserved_after_nanos, occurred_at, recorded_at
FROM redeem_coupon(%(now)s, %(floor)s, %(account_id)s, %(code)s)
