-- A link that can still be used, without using it.
SELECT l.address, l.next_path FROM sign_in_link l
WHERE l.secret_sha256 = %(secret_sha256)s AND l.used_at IS NULL AND l.expires_at > %(now)s
