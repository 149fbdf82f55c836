-- Endpoints of the platform and of all accounts that take nothing, or were given up for it, failing longest first.
SELECT e.account_id, e.endpoint_id, e.url, e.description, e.types, e.status, e.disabled_reason, e.disabled_at,
    e.created_at, e.former_secret_until, e.failing_since, e.last_failure, e.last_delivered_at
FROM webhook_endpoint e
WHERE CASE e.status WHEN 'enabled' THEN e.failing_since IS NOT NULL ELSE e.disabled_reason <> 'by_hand' END
ORDER BY e.failing_since, e.account_id, e.endpoint_id LIMIT %(limit)b::bigint
