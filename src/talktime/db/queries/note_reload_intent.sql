-- The bank takes its time over a charge.
UPDATE payment p SET status = 'waiting', intent_id = %(intent_id)s
WHERE p.account_id = %(account_id)s AND p.payment_id = %(payment_id)s AND p.status IN ('opening', 'waiting')
    AND NOT p.needs_customer
