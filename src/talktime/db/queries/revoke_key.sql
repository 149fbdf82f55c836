-- Revokes an API key; the first time stands.
UPDATE api_key SET revoked_at = coalesce(revoked_at, %(now)s)
WHERE account_id = %(account_id)s AND key_id = %(key_id)s
