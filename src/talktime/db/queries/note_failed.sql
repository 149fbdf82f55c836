-- Notes that an endpoint did not take what it was sent; answers since when it has not.
UPDATE webhook_endpoint e SET failing_since = coalesce(e.failing_since, %(now)b::timestamptz),
    last_failure = %(failure)b::text
WHERE e.account_id = %(account_id)b::text AND e.endpoint_id = %(endpoint_id)b::text
RETURNING e.failing_since
