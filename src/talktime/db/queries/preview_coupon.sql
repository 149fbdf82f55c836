-- Whether an account could redeem a code now, what it would bring, and what is available before it.
SELECT judge_coupon(w.now_at, w.account_id, w.code), c.amount_nanos,
    a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos
FROM (SELECT %(now)s::timestamptz AS now_at, %(account_id)s AS account_id, %(code)s AS code) AS w
LEFT JOIN coupon AS c ON c.code = w.code
LEFT JOIN account AS a ON a.account_id = w.account_id
