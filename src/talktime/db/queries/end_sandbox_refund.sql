-- The bank has taken a refund of the sandbox, or sends it back.
UPDATE sandbox_refund s SET status = %(status)s
WHERE s.account_id = %(account_id)s AND s.sandbox_refund_id = %(sandbox_refund_id)s
    AND (s.status = 'pending' OR (s.status = 'succeeded' AND %(status)s = 'failed'))
RETURNING s.account_id, s.sandbox_refund_id, s.checkout_id, s.part_id, s.amount_nanos, s.status
