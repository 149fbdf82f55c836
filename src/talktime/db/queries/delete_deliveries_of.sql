-- Forgets what an endpoint was sent.
DELETE FROM webhook_delivery d WHERE d.endpoint_id = %(endpoint_id)b::text
