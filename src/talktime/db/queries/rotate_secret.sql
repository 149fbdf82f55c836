-- Gives an endpoint a new secret; the one so far signs too until a moment.
UPDATE webhook_endpoint e SET former_secret = e.secret, former_secret_until = %(until)b::timestamptz,
    secret = %(secret)b::text
WHERE e.account_id = %(account_id)b::text AND e.endpoint_id = %(endpoint_id)b::text
