-- Forgets what an endpoint was sent.
DELETE FROM webhook_delivery d WHERE d.owner_id = %(owner_id)b::text AND d.endpoint_id = %(endpoint_id)b::text
