-- Disputes whose withdrawal was not heard of, to be asked about by now; for others they are due again after a while.
UPDATE dispute d SET due_at = %(again_at)s
FROM (
    SELECT o.account_id, o.dispute_id FROM dispute o
    JOIN payment p ON p.account_id = o.account_id AND p.payment_id = o.payment_id
    WHERE o.due_at <= %(now)s AND p.provider = %(provider)s
    ORDER BY o.due_at LIMIT %(limit)s FOR UPDATE OF o SKIP LOCKED
) due
WHERE d.account_id = due.account_id AND d.dispute_id = due.dispute_id
RETURNING d.account_id, d.dispute_id, d.payment_id, d.intent_id
