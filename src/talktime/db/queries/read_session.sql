-- A session that is open, with the role it has by now: a person's is the member's, and without one there is none.
WITH open AS (
    SELECT s.*, s.last_seen_at > %(idle_since)s AS is_used FROM browser_session s
    WHERE s.account_id = %(account_id)s AND s.secret_sha256 = %(secret_sha256)s AND s.expires_at > %(now)s
)
SELECT
    o.account_id, o.session_id, o.address, coalesce(m.role, o.role) AS role, o.framed_by, o.last_seen_at,
    CASE WHEN o.address IS NULL THEN 1 ELSE (SELECT count(*) FROM member n WHERE n.address = o.address) END AS accounts
FROM open o LEFT JOIN member m ON m.account_id = o.account_id AND m.address = o.address
WHERE o.address IS NULL OR (m.role IS NOT NULL AND o.is_used)
