-- The entries of calls whose ids begin alike, at most so many of them, in no order of time.
SELECT e.seq
FROM entry e
WHERE e.account_id = %(account_id)s AND e.kind = 'call' AND e.ref >= %(text)s::text COLLATE "C"
    AND (%(past_text)s::text IS NULL OR e.ref < %(past_text)s::text COLLATE "C")
LIMIT %(limit)s
