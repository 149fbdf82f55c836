-- Where an endpoint is and what signs for it now.
SELECT e.url, e.secret, CASE WHEN e.former_secret_until > %(now)b::timestamptz THEN e.former_secret END AS former_secret
FROM webhook_endpoint e
WHERE e.account_id = %(account_id)b::text AND e.endpoint_id = %(endpoint_id)b::text
