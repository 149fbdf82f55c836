-- A customer asks for money back.
SELECT verdict, refundable_nanos FROM ask_refund(
    %(now)s, %(account_id)s, %(refund_id)s, %(provider)s, %(amount_nanos)s::bigint, %(reason)s
)
