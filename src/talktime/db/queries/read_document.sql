-- An account's document by its number or by its entry.
SELECT d.number, d.facts::text
FROM document d
WHERE d.account_id = %(account_id)s
    AND (d.number = %(number)s::text COLLATE "C" OR d.entry_seq = %(entry_seq)s::bigint)
