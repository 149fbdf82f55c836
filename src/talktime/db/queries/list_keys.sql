-- The API keys of an account, or of the platform, after a given one.
SELECT account_id, key_id, secret_sha256, name, scopes, created_at, revoked_at, last_used_at
FROM api_key WHERE account_id = %(account_id)s AND key_id > %(after)s
ORDER BY key_id LIMIT %(limit)s
