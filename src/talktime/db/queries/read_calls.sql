-- Some calls by their keys, as they are now; unknown ones are absent.
SELECT c.*
FROM unnest(%(account_id)b::text [], %(call_id)b::text []) AS wanted (account_id, call_id)
JOIN call_record c ON c.account_id = wanted.account_id AND c.call_id = wanted.call_id
