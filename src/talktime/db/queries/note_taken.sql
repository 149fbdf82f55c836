-- Notes that an endpoint takes what it is sent; every few seconds at most, unless it failed before.
UPDATE webhook_endpoint e SET failing_since = NULL, last_failure = NULL, last_delivered_at = %(now)b::timestamptz
WHERE e.account_id = %(account_id)b::text AND e.endpoint_id = %(endpoint_id)b::text
    AND (e.failing_since IS NOT NULL OR e.last_delivered_at IS NULL
        OR e.last_delivered_at < %(now)b::timestamptz - interval '5 seconds')
