-- Forgets an endpoint and its secrets.
DELETE FROM webhook_endpoint e
WHERE e.account_id = %(account_id)b::text AND e.endpoint_id = %(endpoint_id)b::text
