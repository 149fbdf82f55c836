-- The ended calls that wait for a price, after a given one, in key order.
SELECT c.account_id, c.call_id FROM open_call_record c
WHERE c.billing_status = 'unpriced' AND (c.account_id, c.call_id) > (%(after_account)s, %(after_call)s)
ORDER BY c.account_id, c.call_id LIMIT %(limit)s
