-- Lets a disabled endpoint be told again; its failures begin anew.
UPDATE webhook_endpoint e SET status = 'enabled', disabled_reason = NULL, disabled_at = NULL,
    failing_since = NULL, last_failure = NULL
WHERE e.account_id = %(account_id)b::text AND e.endpoint_id = %(endpoint_id)b::text AND e.status = 'disabled'
