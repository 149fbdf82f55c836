-- The page on which a payment can be made, once the provider has opened it.
UPDATE payment p SET checkout_id = %(checkout_id)s, checkout_url = %(checkout_url)s, status = 'waiting'
WHERE p.account_id = %(account_id)s AND p.payment_id = %(payment_id)s AND p.status = 'opening'
