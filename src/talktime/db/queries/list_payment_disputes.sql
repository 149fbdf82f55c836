-- The ids of a payment's disputes.
SELECT d.dispute_id
FROM dispute d
WHERE d.account_id = %(account_id)s AND d.payment_id = %(payment_id)s
ORDER BY d.dispute_id
