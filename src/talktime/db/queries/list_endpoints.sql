-- The webhook endpoints of an account, or of the platform (''), oldest first; one of them where it is named.
SELECT e.account_id, e.endpoint_id, e.url, e.description, e.types, e.status, e.disabled_reason, e.disabled_at,
    e.created_at, e.former_secret_until, e.failing_since, e.last_failure, e.last_delivered_at
FROM webhook_endpoint e
WHERE e.account_id = %(account_id)b::text
    AND (%(endpoint_id)b::text IS NULL OR e.endpoint_id = %(endpoint_id)b::text)
ORDER BY e.created_at, e.endpoint_id
