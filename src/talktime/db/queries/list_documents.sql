-- An account's documents, the newest first, below an entry's.
SELECT d.number, d.facts::text
FROM document d
WHERE d.account_id = %(account_id)s AND (%(before)s::bigint IS NULL OR d.entry_seq < %(before)s)
ORDER BY d.entry_seq DESC LIMIT %(limit)s
