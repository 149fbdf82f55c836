-- All that went back or is to go back of one payment.
SELECT r.account_id, r.part_id, r.payment_id, r.intent_id, r.refund_id, r.provider_refund_id, r.amount_nanos, r.status,
    r.failure, r.attempts, r.entry_seq, r.reversal_seq, r.created_at
FROM refund_part r
WHERE r.account_id = %(account_id)s AND r.payment_id = %(payment_id)s
ORDER BY r.part_id
