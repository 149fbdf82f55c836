-- Where a person is signed in, on all accounts, the session seen last first.
SELECT
    s.account_id, a.name AS account_name, s.session_id, s.user_agent, s.created_at, s.last_seen_at, s.framed_by
FROM browser_session s
JOIN member m ON m.account_id = s.account_id AND m.address = s.address
JOIN account a ON a.account_id = s.account_id
WHERE s.address = %(address)s AND s.expires_at > %(now)s AND s.last_seen_at > %(idle_since)s
ORDER BY s.last_seen_at DESC, s.session_id LIMIT %(limit)s
