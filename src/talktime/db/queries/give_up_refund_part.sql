-- The provider will not send a part of a refund back.
SELECT give_up_refund_part(%(now)s, %(floor_nanos)s, %(account_id)s, %(part_id)s, %(failure)s)
