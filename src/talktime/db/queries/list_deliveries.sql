-- What an endpoint was or will be sent, newest first, from before a message on; in one state where it is named.
SELECT d.account_id, d.owner_id, d.endpoint_id, d.delivery_seq, d.message_id, d.type, d.body, d.created_at, d.state,
    d.attempts, d.attempted_at, d.last_status, d.last_failure
FROM webhook_delivery d
WHERE d.owner_id = %(owner_id)b::text AND d.endpoint_id = %(endpoint_id)b::text
    AND d.message_id < %(before)b::text
    AND (%(state)b::text IS NULL OR d.state = %(state)b::text)
ORDER BY d.message_id DESC LIMIT %(limit)b::bigint
