-- Closes a browser session.
DELETE FROM browser_session WHERE account_id = %(account_id)s AND secret_sha256 = %(secret_sha256)s
