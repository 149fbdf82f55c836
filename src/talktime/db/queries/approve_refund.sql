-- An operator lets a refund go: its money is set aside.
SELECT verdict, refundable_nanos FROM approve_refund(%(now)s, %(floor_nanos)s, %(account_id)s, %(refund_id)s)
