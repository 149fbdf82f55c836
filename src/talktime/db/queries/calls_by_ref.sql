-- The entries of calls whose ids begin alike, at most so many of them, by id: an order that only the index
-- of ids has, so that no other is taken for the quicker one.
SELECT e.seq
FROM entry e
WHERE e.account_id = %(account_id)s AND e.kind = 'call' AND e.ref >= %(text)s::text COLLATE "C"
    AND (%(past_text)s::text IS NULL OR e.ref < %(past_text)s::text COLLATE "C")
ORDER BY e.ref LIMIT %(limit)s
