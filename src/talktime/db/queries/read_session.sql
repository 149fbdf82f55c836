-- Whether a browser session is open.
SELECT 1 FROM browser_session
WHERE account_id = %(account_id)s AND secret_sha256 = %(secret_sha256)s AND expires_at > %(now)s
