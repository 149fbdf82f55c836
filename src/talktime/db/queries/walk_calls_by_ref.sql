-- Which calls between two numbers of entries have ids that begin alike, newest first. Written so that the index
-- of ids is no way to them: this is for ids of which there are too many.
SELECT e.seq
FROM entry e
WHERE e.account_id = %(account_id)s AND e.seq >= %(low)s AND e.seq < %(high)s AND e.kind = 'call'
    AND left(e.ref, length(%(text)s::text)) = %(text)s::text
ORDER BY e.seq DESC LIMIT %(limit)s
