-- Keeps a new API key, of the platform or of an account that is known.
INSERT INTO api_key (account_id, key_id, secret_sha256, name, scopes, created_at)
SELECT %(account_id)s, %(key_id)s, %(secret_sha256)s, %(name)s, %(scopes)s, %(now)s
WHERE %(account_id)s = '' OR EXISTS (SELECT FROM account a WHERE a.account_id = %(account_id)s)
ON CONFLICT (account_id, key_id) DO NOTHING
