-- Some refunds of an account.
SELECT r.account_id, r.refund_id, r.provider, r.amount_nanos, r.status, r.reason, r.answer, r.asked_at, r.decided_at,
    r.ended_at
FROM refund r WHERE r.account_id = %(account_id)s AND r.refund_id = any(%(refund_ids)s::text [])
