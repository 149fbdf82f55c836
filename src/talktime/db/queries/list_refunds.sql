-- Refunds of one account or, with none named, of all, newest first, below one.
SELECT r.account_id, r.refund_id, r.provider, r.amount_nanos, r.status, r.reason, r.answer, r.asked_at, r.decided_at,
    r.ended_at
FROM refund r
WHERE (%(account_id)s::text IS NULL OR r.account_id = %(account_id)s)
    AND (%(status)s::text IS NULL OR r.status = %(status)s)
    AND (
        %(before_time)s::timestamptz IS NULL
        OR (r.asked_at, r.account_id, r.refund_id)
        < (%(before_time)s::timestamptz, %(before_account)s::text COLLATE "C", %(before_id)s::text COLLATE "C")
    )
ORDER BY r.asked_at DESC, r.account_id DESC, r.refund_id DESC LIMIT %(limit)s
