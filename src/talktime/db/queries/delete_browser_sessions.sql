-- Forgets some of the browser sessions that expired before a moment.
DELETE FROM browser_session s
WHERE (s.account_id, s.secret_sha256) IN (
    SELECT o.account_id, o.secret_sha256 FROM browser_session o WHERE o.expires_at < %(before)s LIMIT %(limit)s
)
