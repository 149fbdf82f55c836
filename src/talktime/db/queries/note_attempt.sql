-- Why an attempt to pay failed; the payment itself stays open.
UPDATE payment p SET failure = %(failure)s
WHERE p.account_id = %(account_id)s AND p.payment_id = %(payment_id)s AND p.status IN ('opening', 'waiting')
RETURNING p.payment_id
