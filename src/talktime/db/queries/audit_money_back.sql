-- What is true as the provider tells it and for an operator to look at: payments of which more went back than was
-- paid, refunds and disputes of other money than was credited, what was said to be given again and never how much,
-- and what was taken again after that.
SELECT f.account_id, f.payment_id, f.what, f.ref, f.nanos, f.paid_nanos
FROM (
    SELECT p.account_id, p.payment_id, 'overdrawn' AS what, '' AS ref, p.refunded_nanos + p.disputed_nanos AS nanos,
        p.amount_nanos AS paid_nanos
    FROM payment p
    WHERE p.account_id BETWEEN %(first_account)s AND %(last_account)s
        AND p.refunded_nanos + p.disputed_nanos > p.amount_nanos
    UNION ALL
    SELECT p.account_id, p.payment_id, 'refund', r.provider_refund_id, r.amount_nanos, p.amount_nanos
    FROM refund_part r
    JOIN payment p ON p.account_id = r.account_id AND p.payment_id = r.payment_id
    WHERE r.account_id BETWEEN %(first_account)s AND %(last_account)s
        AND p.status = 'succeeded' AND p.intent_id <> r.intent_id AND r.status <> 'failed'
    UNION ALL
    SELECT p.account_id, p.payment_id, 'dispute', d.dispute_id, coalesce(d.withdrawn_nanos, d.reinstated_nanos, 0),
        p.amount_nanos
    FROM dispute d
    JOIN payment p ON p.account_id = d.account_id AND p.payment_id = d.payment_id
    WHERE d.account_id BETWEEN %(first_account)s AND %(last_account)s
        AND p.status = 'succeeded' AND p.intent_id <> d.intent_id
    UNION ALL
    SELECT d.account_id, d.payment_id, 'doubted', d.dispute_id, d.withdrawn_nanos, d.withdrawn_nanos
    FROM dispute d
    WHERE d.account_id BETWEEN %(first_account)s AND %(last_account)s
        AND d.doubted_at IS NOT NULL AND d.due_at IS NULL AND d.entry_seq IS NOT NULL AND d.reversal_seq IS NULL
    UNION ALL
    SELECT d.account_id, d.payment_id, 'taken_again', d.dispute_id, d.reinstated_nanos, d.withdrawn_nanos
    FROM dispute d
    WHERE d.account_id BETWEEN %(first_account)s AND %(last_account)s
        AND d.doubted_at IS NOT NULL AND d.reversal_seq IS NOT NULL
) f
ORDER BY 1, 2, 3, 4
