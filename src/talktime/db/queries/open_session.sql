-- Opens a browser session.
INSERT INTO browser_session (account_id, secret_sha256, created_at, expires_at)
VALUES (%(account_id)s, %(secret_sha256)s, %(now)s, %(expires_at)s)
