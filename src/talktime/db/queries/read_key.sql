-- One API key by its id, revoked or not.
SELECT account_id, key_id, secret_sha256, name, scopes, created_at, revoked_at, last_used_at
FROM api_key WHERE account_id = %(account_id)s AND key_id = %(key_id)s
