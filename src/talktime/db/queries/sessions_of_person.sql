-- Where a person is signed in, on all accounts, the session seen last first.
WITH mine AS (
    SELECT s.* FROM browser_session s
    WHERE s.address = %(address)s AND s.expires_at > %(now)s AND s.last_seen_at > %(idle_since)s
)
SELECT
    o.account_id, a.name AS account_name, o.session_id, o.user_agent, o.created_at, o.last_seen_at, o.framed_by
FROM mine o
JOIN member m ON m.account_id = o.account_id AND m.address = o.address
JOIN account a ON a.account_id = o.account_id
ORDER BY o.last_seen_at DESC, o.session_id LIMIT %(limit)s
