-- What the provider was, or is to be, asked to charge for a payment.
SELECT p.account_id, p.payment_id, p.amount_nanos, p.customer_id, p.card_id, p.created_at AS ordered_at
FROM payment p
WHERE p.account_id = %(account_id)s AND p.payment_id = %(payment_id)s AND p.origin = 'auto_reload'
