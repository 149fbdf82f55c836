-- Notes whether an endpoint's last answer came quickly.
UPDATE webhook_endpoint e SET is_quick = %(is_quick)b::boolean
WHERE e.account_id = %(account_id)b::text AND e.endpoint_id = %(endpoint_id)b::text
    AND e.is_quick <> %(is_quick)b::boolean
