-- An account's use of a coupon, by the entry's business reference.
SELECT e.account_id, e.seq AS entry_seq, e.promo_delta_nanos AS amount_nanos, e.recorded_at
FROM entry e WHERE e.account_id = %(account_id)s AND e.kind = 'coupon' AND e.ref = %(code)s
