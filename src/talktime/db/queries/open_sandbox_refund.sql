-- A refund of the sandbox, the same one for the same wish; nothing where it would be more than was paid.
INSERT INTO sandbox_refund AS s (account_id, sandbox_refund_id, checkout_id, part_id, amount_nanos, created_at)
SELECT c.account_id, %(sandbox_refund_id)s, c.checkout_id, %(part_id)s, %(amount_nanos)s, %(now)s
FROM sandbox_checkout c
WHERE c.account_id = %(account_id)s AND c.checkout_id = %(checkout_id)s AND c.status = 'paid'
    AND (
        EXISTS (SELECT FROM sandbox_refund t WHERE t.account_id = c.account_id AND t.part_id = %(part_id)s)
        OR %(amount_nanos)s + (
            SELECT coalesce(sum(o.amount_nanos), 0) FROM sandbox_refund o
            WHERE o.account_id = c.account_id AND o.checkout_id = c.checkout_id AND o.status <> 'failed'
        ) <= c.amount_nanos
    )
ON CONFLICT (account_id, part_id) DO UPDATE SET part_id = s.part_id
RETURNING s.account_id, s.sandbox_refund_id, s.checkout_id, s.part_id, s.amount_nanos, s.status
