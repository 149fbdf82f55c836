-- The open sessions of an account that the platform's links opened, the one seen last first.
WITH ours AS (
    SELECT s.* FROM browser_session s
    WHERE s.account_id = %(account_id)s AND s.address IS NULL AND s.expires_at > %(now)s
)
SELECT
    o.account_id, a.name AS account_name, o.session_id, o.user_agent, o.created_at, o.last_seen_at, o.framed_by
FROM ours o JOIN account a ON a.account_id = o.account_id
ORDER BY o.last_seen_at DESC, o.session_id LIMIT %(limit)s
