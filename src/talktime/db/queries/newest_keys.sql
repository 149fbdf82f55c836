-- The API keys of an account: those in force first, then the newest.
SELECT account_id, key_id, secret_sha256, name, scopes, created_at, revoked_at, last_used_at
FROM api_key WHERE account_id = %(account_id)s
ORDER BY revoked_at IS NOT NULL, created_at DESC, key_id LIMIT %(limit)s
