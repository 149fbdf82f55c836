-- Disputes of one account or, with none named, of all, the one heard of last first, below one; or those of a
-- payment, or a single one.
WITH page AS (
    SELECT o.*
    FROM dispute o
    WHERE (%(account_id)s::text IS NULL OR o.account_id = %(account_id)s)
        AND (%(payment_id)s::text IS NULL OR o.payment_id = %(payment_id)s)
        AND (%(dispute_id)s::text IS NULL OR o.dispute_id = %(dispute_id)s)
        AND (
            %(before_time)s::timestamptz IS NULL
            OR (o.heard_at, o.account_id, o.dispute_id)
            < (%(before_time)s::timestamptz, %(before_account)s::text COLLATE "C", %(before_id)s::text COLLATE "C")
        )
    ORDER BY o.heard_at DESC, o.account_id DESC, o.dispute_id DESC LIMIT %(limit)s
)

SELECT d.account_id, d.dispute_id, d.payment_id, d.intent_id,
    CASE
        WHEN d.reversal_seq IS NOT NULL AND d.reinstated_nanos < d.withdrawn_nanos THEN 'given_again_in_part'
        WHEN d.reversal_seq IS NOT NULL THEN 'given_again'
        WHEN d.entry_seq IS NOT NULL AND (d.due_at IS NOT NULL OR d.doubted_at IS NOT NULL) THEN 'given_again_unclear'
        WHEN d.entry_seq IS NOT NULL THEN 'taken'
        WHEN p.status = 'succeeded' AND p.intent_id <> d.intent_id THEN 'never_credited'
        WHEN d.withdrawn_nanos IS NULL THEN 'waits_for_withdrawal'
        ELSE 'waits_for_payment'
    END AS state,
    d.withdrawn_nanos, d.reinstated_nanos, d.heard_at, d.entry_seq, d.reversal_seq
FROM page d
JOIN payment p ON p.account_id = d.account_id AND p.payment_id = d.payment_id
ORDER BY d.heard_at DESC, d.account_id DESC, d.dispute_id DESC
