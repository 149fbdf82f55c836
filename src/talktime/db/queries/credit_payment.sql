-- The money of a payment is there.
SELECT verdict, entry_seq FROM credit_payment(
    %(now)s, %(floor_nanos)s, %(account_id)s, %(payment_id)s, %(intent_id)s, %(amount_nanos)s
)
