-- Some lanes of some accounts that have gone on since, those told longest ago first so that all have their turn; held
-- until the end of the transaction, and those that others hold are passed over.
SELECT l.account_id, l.owner_id, l.endpoint_id, e.types, l.event_seq AS after, a.event_seq AS upto, l.delivery_seq
FROM webhook_lane l
JOIN webhook_endpoint e ON e.account_id = l.owner_id AND e.endpoint_id = l.endpoint_id
JOIN account a ON a.account_id = l.account_id
WHERE l.account_id = ANY(%(account_id)b::text []) AND e.status = 'enabled' AND a.event_seq > l.event_seq
ORDER BY l.told_at NULLS FIRST
LIMIT %(limit)b::bigint FOR UPDATE OF l SKIP LOCKED
