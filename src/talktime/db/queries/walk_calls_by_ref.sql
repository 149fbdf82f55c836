-- Which calls between two numbers of entries have ids that begin alike, newest first.
SELECT e.seq
FROM entry e
WHERE e.account_id = %(account_id)s AND e.seq >= %(low)s AND e.seq < %(high)s AND e.kind = 'call'
    AND starts_with(e.ref, %(text)s::text)
ORDER BY e.seq DESC LIMIT %(limit)s
