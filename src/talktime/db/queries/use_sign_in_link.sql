-- Uses a link up; no row where it is unknown, used or expired.
UPDATE sign_in_link l SET used_at = %(now)s
WHERE l.secret_sha256 = %(secret_sha256)s AND l.used_at IS NULL AND l.expires_at > %(now)s
RETURNING l.address, l.next_path
