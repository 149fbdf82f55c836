-- One delivery of an endpoint by its message id.
SELECT d.account_id, d.owner_id, d.endpoint_id, d.delivery_seq, d.message_id, d.type, d.body, d.created_at, d.state,
    d.attempts, d.attempted_at, d.last_status, d.last_failure
FROM webhook_delivery d
WHERE d.owner_id = %(owner_id)b::text AND d.endpoint_id = %(endpoint_id)b::text
    AND d.message_id = %(message_id)b::text
