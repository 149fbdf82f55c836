-- Accounts of which something was recorded since a moment that not all who listen have been told, and accounts that
-- the platform's endpoints have not heard of at all: what it costs grows with what happened, not with what there is.
SELECT r.account_id
FROM (
    SELECT v.account_id, max(v.event_seq) AS event_seq FROM event v
    WHERE v.recorded_at >= %(since)b::timestamptz GROUP BY v.account_id
) r
WHERE EXISTS (
    SELECT 1 FROM webhook_lane l
    JOIN webhook_endpoint e ON e.account_id = l.owner_id AND e.endpoint_id = l.endpoint_id
    WHERE l.account_id = r.account_id AND l.event_seq < r.event_seq AND e.status = 'enabled'
) OR EXISTS (
    SELECT 1 FROM webhook_endpoint e
    WHERE e.account_id = '' AND e.status = 'enabled' AND NOT EXISTS (
        SELECT 1 FROM webhook_lane l
        WHERE l.account_id = r.account_id AND l.owner_id = e.account_id AND l.endpoint_id = e.endpoint_id
    )
)
LIMIT %(limit)b::bigint
