-- Who redeemed a coupon, by account, after a given one.
SELECT e.account_id, e.seq AS entry_seq, e.promo_delta_nanos AS amount_nanos, e.recorded_at
FROM entry e WHERE e.kind = 'coupon' AND e.ref = %(code)s AND e.account_id > %(after)s
ORDER BY e.account_id LIMIT %(limit)s
