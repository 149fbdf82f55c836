-- Some of an account's refunds that were begun at the provider.
SELECT r.account_id, r.part_id, r.payment_id, r.intent_id, r.refund_id, r.provider_refund_id, r.amount_nanos, r.status,
    r.failure, r.attempts, r.entry_seq, r.reversal_seq, r.created_at
FROM refund_part r WHERE r.account_id = %(account_id)s AND r.part_id = any(%(part_ids)s::text [])
