-- Forgets an account's expired browser sessions.
DELETE FROM browser_session WHERE account_id = %(account_id)s AND expires_at <= %(now)s
