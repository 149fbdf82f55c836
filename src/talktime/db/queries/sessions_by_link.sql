-- The open sessions of an account that the platform's links opened, the one seen last first.
SELECT
    s.account_id, a.name AS account_name, s.session_id, s.user_agent, s.created_at, s.last_seen_at, s.framed_by
FROM browser_session s JOIN account a ON a.account_id = s.account_id
WHERE s.account_id = %(account_id)s AND s.address IS NULL AND s.expires_at > %(now)s
ORDER BY s.last_seen_at DESC, s.session_id LIMIT %(limit)s
