-- Keeps a one-time link into the customer's pages, where there is such an account.
INSERT INTO portal_link (account_id, secret_sha256, created_at, expires_at, role, frame_origin)
SELECT a.account_id, %(secret_sha256)s, %(now)s, %(expires_at)s, %(role)s, %(frame_origin)s
FROM account a WHERE a.account_id = %(account_id)s
RETURNING account_id
