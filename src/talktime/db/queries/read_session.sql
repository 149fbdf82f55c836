-- A session that is open, with the role it has by now: a person's is the member's, and without one there is none.
SELECT
    s.account_id, s.session_id, s.address, coalesce(m.role, s.role) AS role, s.framed_by, s.last_seen_at,
    CASE WHEN s.address IS NULL THEN 1 ELSE (SELECT count(*) FROM member o WHERE o.address = s.address) END AS accounts
FROM browser_session s LEFT JOIN member m ON m.account_id = s.account_id AND m.address = s.address
WHERE s.account_id = %(account_id)s AND s.secret_sha256 = %(secret_sha256)s AND s.expires_at > %(now)s
    AND (s.address IS NULL OR (m.role IS NOT NULL AND s.last_seen_at > %(idle_since)s))
