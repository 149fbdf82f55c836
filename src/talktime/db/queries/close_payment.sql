-- The end of a payment for which no money came.
UPDATE payment p SET status = %(status)s, failure = coalesce(%(failure)s, p.failure), settled_at = %(now)s
WHERE p.account_id = %(account_id)s AND p.payment_id = %(payment_id)s AND p.status IN ('opening', 'waiting')
RETURNING p.payment_id
