-- The ended calls that wait for a price, after a given one, in key order.
SELECT o.account_id, o.call_id
FROM open_call o JOIN call c ON c.account_id = o.account_id AND c.call_id = o.call_id
WHERE c.billing_status = 'unpriced' AND (o.account_id, o.call_id) > (%(after_account)s, %(after_call)s)
ORDER BY o.account_id, o.call_id LIMIT %(limit)s
