-- Parts of refunds that the provider is to be asked about by now; for others they are due again after a while.
UPDATE refund_part r SET due_at = %(again_at)s, attempts = r.attempts + (r.status = 'reserved')::integer
FROM (
    SELECT o.account_id, o.part_id FROM refund_part o
    JOIN payment p ON p.account_id = o.account_id AND p.payment_id = o.payment_id
    WHERE o.due_at <= %(now)s AND p.provider = %(provider)s
    ORDER BY o.due_at LIMIT %(limit)s FOR UPDATE OF o SKIP LOCKED
) due
WHERE r.account_id = due.account_id AND r.part_id = due.part_id
RETURNING r.account_id, r.part_id, r.payment_id, r.intent_id, r.refund_id, r.provider_refund_id, r.amount_nanos,
    r.status, r.failure, r.attempts, r.entry_seq, r.reversal_seq, r.created_at
