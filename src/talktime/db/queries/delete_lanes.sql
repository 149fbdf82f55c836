-- Ends what an endpoint hears. Lanes are taken in their order, so that no two who take many wait for one another.
WITH held AS (
    SELECT l.account_id, l.owner_id, l.endpoint_id FROM webhook_lane l
    WHERE l.endpoint_id = %(endpoint_id)b::text AND l.owner_id = %(owner_id)b::text
    ORDER BY l.account_id FOR UPDATE
)
DELETE FROM webhook_lane l USING held h
WHERE l.account_id = h.account_id AND l.owner_id = h.owner_id AND l.endpoint_id = h.endpoint_id
