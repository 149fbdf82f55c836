-- Lets the platform's endpoints hear of accounts opened since, from their first event; of some accounts where they are
-- named, otherwise of all. In order, so that no two who write the same lanes wait for one another.
INSERT INTO webhook_lane (account_id, endpoint_id, owner_id, event_seq)
SELECT a.account_id, e.endpoint_id, '', 0 FROM webhook_endpoint e CROSS JOIN account a
WHERE e.account_id = '' AND e.status = 'enabled' AND a.event_seq > 0
    AND (%(account_id)b::text [] IS NULL OR a.account_id = ANY(%(account_id)b::text []))
    AND NOT EXISTS (
        SELECT 1 FROM webhook_lane l
        WHERE l.account_id = a.account_id AND l.owner_id = e.account_id AND l.endpoint_id = e.endpoint_id
    )
ORDER BY a.account_id, e.endpoint_id LIMIT %(limit)b::bigint
ON CONFLICT ON CONSTRAINT webhook_lane_pk DO NOTHING
