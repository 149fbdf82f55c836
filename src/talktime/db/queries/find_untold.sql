-- Accounts that have gone on since one of their lanes was told, those told longest ago first: an endpoint of an account
-- has one lane to be compared, one of the platform as many as there are accounts.
SELECT f.account_id
FROM (
    SELECT l.account_id, l.told_at
    FROM webhook_endpoint e
    JOIN webhook_lane l ON l.account_id = e.account_id AND l.owner_id = e.account_id AND l.endpoint_id = e.endpoint_id
    JOIN account a ON a.account_id = l.account_id
    WHERE e.status = 'enabled' AND e.account_id <> '' AND a.event_seq > l.event_seq
    UNION ALL
    SELECT l.account_id, l.told_at
    FROM webhook_endpoint e
    JOIN webhook_lane l ON l.owner_id = e.account_id AND l.endpoint_id = e.endpoint_id
    JOIN account a ON a.account_id = l.account_id
    WHERE e.status = 'enabled' AND e.account_id = '' AND a.event_seq > l.event_seq
) f
GROUP BY f.account_id
ORDER BY min(f.told_at) NULLS FIRST
LIMIT %(limit)b::bigint
