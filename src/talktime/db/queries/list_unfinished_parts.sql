-- Refunds that were begun at the provider and not finished there for long, of one account or of all, the oldest first.
SELECT r.account_id, r.part_id, r.payment_id, r.intent_id, r.refund_id, r.provider_refund_id, r.amount_nanos, r.status,
    r.failure, r.attempts, r.entry_seq, r.reversal_seq, r.created_at
FROM refund_part r
WHERE r.due_at IS NOT NULL AND r.refund_id IS NULL AND r.created_at < %(before)s
    AND (%(account_id)s::text IS NULL OR r.account_id = %(account_id)s)
ORDER BY r.created_at, r.account_id, r.part_id LIMIT %(limit)s
