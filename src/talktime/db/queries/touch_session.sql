-- Notes that a session is in use.
UPDATE browser_session SET last_seen_at = %(now)s
WHERE account_id = %(account_id)s AND secret_sha256 = %(secret_sha256)s AND last_seen_at < %(now)s
