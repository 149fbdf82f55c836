-- Has what waits for an endpoint tried at once; whoever is at it goes on. Lanes are taken in their order, so that no
-- two who take many wait for one another.
WITH held AS (
    SELECT l.account_id, l.owner_id, l.endpoint_id FROM webhook_lane l
    WHERE l.endpoint_id = %(endpoint_id)b::text AND l.owner_id = %(owner_id)b::text
        AND l.due_at > %(now)b::timestamptz AND l.claim IS NULL
        AND (%(account_id)b::text IS NULL OR l.account_id = %(account_id)b::text)
    ORDER BY l.account_id FOR UPDATE
)
UPDATE webhook_lane l SET due_at = %(now)b::timestamptz FROM held h
WHERE l.account_id = h.account_id AND l.owner_id = h.owner_id AND l.endpoint_id = h.endpoint_id
