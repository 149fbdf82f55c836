-- How many payments of an account wait to be paid on a page, one of them aside.
SELECT count(*) FROM payment p
WHERE p.account_id = %(account_id)s AND p.payment_id <> %(but)s AND p.status IN ('opening', 'waiting')
    AND p.origin = 'checkout'
