-- The bank wants to hear the customer: the payment is to be made on a page after all.
UPDATE payment p SET status = 'opening', needs_customer = true, failure = %(failure)s, intent_id = %(intent_id)s,
    expires_at = %(expires_at)s
WHERE p.account_id = %(account_id)s AND p.payment_id = %(payment_id)s AND p.status IN ('opening', 'waiting')
    AND NOT p.needs_customer
RETURNING p.payment_id
