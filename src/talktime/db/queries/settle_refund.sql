-- What the provider says of money that it sent back.
SELECT verdict, part_id FROM settle_refund(
    %(now)s, %(floor_nanos)s, %(account_id)s, %(payment_id)s, %(intent_id)s, %(part_id)s, %(provider_refund_id)s,
    %(amount_nanos)s::bigint, %(status)s, %(failure)s, %(due_at)s
)
