-- Forgets some of the links by e-mail that expired before a moment.
DELETE FROM sign_in_link l
WHERE l.secret_sha256 IN (
    SELECT o.secret_sha256 FROM sign_in_link o WHERE o.expires_at < %(before)s LIMIT %(limit)s
)
