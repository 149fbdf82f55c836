-- Uses a link up; no row where it is unknown, used or expired.
UPDATE portal_link SET used_at = %(now)s
WHERE account_id = %(account_id)s AND secret_sha256 = %(secret_sha256)s
    AND used_at IS NULL AND expires_at > %(now)s
RETURNING role, frame_origin
