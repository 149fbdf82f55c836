-- Opens a browser session.
INSERT INTO browser_session
(account_id, secret_sha256, created_at, expires_at, session_id, address, role, user_agent, last_seen_at, framed_by)
VALUES (
    %(account_id)s, %(secret_sha256)s, %(now)s, %(expires_at)s, %(session_id)s, %(address)s, %(role)s,
    %(user_agent)s, %(now)s, %(framed_by)s
)
