-- What the provider says a bank took back of a payment, or gave again.
SELECT settle_dispute(
    %(now)s, %(floor_nanos)s, %(account_id)s, %(payment_id)s, %(intent_id)s, %(dispute_id)s,
    %(withdrawn_nanos)s::bigint, %(reinstated_nanos)s::bigint, %(due_at)s
)
