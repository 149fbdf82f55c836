-- The first entries between two numbers that are no calls.
SELECT e.seq FROM entry e
WHERE e.account_id = %(account_id)s AND e.kind <> 'call' AND e.seq >= %(low)s AND e.seq < %(high)s
ORDER BY e.seq LIMIT %(limit)s
