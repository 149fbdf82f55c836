-- The parts of some refunds, the newest payment of each first.
SELECT r.account_id, r.part_id, r.payment_id, r.intent_id, r.refund_id, r.provider_refund_id, r.amount_nanos, r.status,
    r.failure, r.attempts, r.entry_seq, r.reversal_seq, r.created_at
FROM refund_part r
JOIN unnest(%(account_ids)s::text [], %(refund_ids)s::text []) AS k (account_id, refund_id)
    ON r.account_id = k.account_id AND r.refund_id = k.refund_id
ORDER BY r.account_id, r.refund_id, length(r.part_id), r.part_id
