-- What the provider says of money that it sent back, and whether that is news of a refund begun at the provider itself;
-- what was known before is told apart from what the function writes by the statement's own snapshot.
WITH known AS (
    SELECT r.part_id FROM refund_part r
    WHERE r.account_id = %(account_id)s AND r.provider_refund_id = %(provider_refund_id)s
        AND (r.status <> 'pending' OR r.status = %(status)s)
)

SELECT s.verdict, s.verdict = 'settled' AND s.part_id = %(provider_refund_id)s
    AND NOT EXISTS (SELECT FROM known) AS is_direct_news
FROM settle_refund(
    %(now)s, %(floor_nanos)s, %(account_id)s, %(payment_id)s, %(intent_id)s, %(part_id)s, %(provider_refund_id)s,
    %(amount_nanos)s::bigint, %(status)s, %(failure)s, %(due_at)s
) s
