-- Ends what an endpoint hears.
DELETE FROM webhook_lane l WHERE l.endpoint_id = %(endpoint_id)b::text AND l.owner_id = %(owner_id)b::text
