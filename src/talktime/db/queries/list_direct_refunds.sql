-- An account's refunds that were begun at the provider, newest first.
SELECT r.account_id, r.part_id, r.payment_id, r.intent_id, r.refund_id, r.provider_refund_id, r.amount_nanos, r.status,
    r.failure, r.attempts, r.entry_seq, r.reversal_seq, r.created_at
FROM refund_part r
WHERE r.account_id = %(account_id)s AND r.refund_id IS NULL
ORDER BY r.created_at DESC, r.part_id DESC LIMIT %(limit)s
