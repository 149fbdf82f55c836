-- Forgets deliveries made before a moment, a limited number at a time; what somebody else deletes just then is left to
-- them.
DELETE FROM webhook_delivery d
USING (
    SELECT o.account_id, o.owner_id, o.endpoint_id, o.delivery_seq FROM webhook_delivery o
    WHERE o.created_at < %(before)b::timestamptz ORDER BY o.created_at LIMIT %(limit)b::bigint
    FOR UPDATE SKIP LOCKED
) old
WHERE d.account_id = old.account_id AND d.owner_id = old.owner_id AND d.endpoint_id = old.endpoint_id
    AND d.delivery_seq = old.delivery_seq
