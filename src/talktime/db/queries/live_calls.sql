-- The running calls of some accounts, in short: what tells whether one has moved or gone silent.
SELECT c.account_id, c.call_id, c.revision, c.last_heard_at, c.lease_ms
FROM open_call_record c
WHERE c.account_id = any(%(account_id)b::text []) AND c.status = 'live'
ORDER BY c.account_id, c.call_id LIMIT %(limit)b::bigint
