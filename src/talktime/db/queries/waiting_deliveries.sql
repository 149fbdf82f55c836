-- The next deliveries of a lane, in order.
SELECT d.account_id, d.owner_id, d.endpoint_id, d.delivery_seq, d.message_id, d.type, d.body, d.created_at, d.state,
    d.attempts, d.attempted_at, d.last_status, d.last_failure
FROM webhook_delivery d
WHERE d.account_id = %(account_id)b::text AND d.owner_id = %(owner_id)b::text
    AND d.endpoint_id = %(endpoint_id)b::text
    AND d.delivery_seq > %(after)b::bigint AND d.state = 'waiting'
ORDER BY d.delivery_seq LIMIT %(limit)b::bigint
