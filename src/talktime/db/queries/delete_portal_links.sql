-- Forgets some of the one-time links that expired before a moment.
DELETE FROM portal_link l
WHERE (l.account_id, l.secret_sha256) IN (
    SELECT o.account_id, o.secret_sha256 FROM portal_link o WHERE o.expires_at < %(before)s LIMIT %(limit)s
)
