-- Stops telling an endpoint; the first reason stands.
UPDATE webhook_endpoint e SET status = 'disabled', disabled_reason = %(reason)b::text,
    disabled_at = %(now)b::timestamptz
WHERE e.account_id = %(account_id)b::text AND e.endpoint_id = %(endpoint_id)b::text AND e.status = 'enabled'
