-- Has what waits for an endpoint tried at once; whoever is at it goes on.
UPDATE webhook_lane l SET due_at = %(now)b::timestamptz
WHERE l.endpoint_id = %(endpoint_id)b::text AND l.owner_id = %(owner_id)b::text
    AND l.due_at > %(now)b::timestamptz AND l.claim IS NULL
    AND (%(account_id)b::text IS NULL OR l.account_id = %(account_id)b::text)
