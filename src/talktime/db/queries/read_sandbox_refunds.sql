-- The sandbox's refunds of one of its checkout pages, newest first, or the one of an id.
SELECT s.account_id, s.sandbox_refund_id, s.checkout_id, s.part_id, s.amount_nanos, s.status
FROM sandbox_refund s
WHERE s.account_id = %(account_id)s
    AND (s.checkout_id = %(checkout_id)s OR s.sandbox_refund_id = %(sandbox_refund_id)s)
ORDER BY s.created_at DESC, s.sandbox_refund_id DESC
