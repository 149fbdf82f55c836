-- Closes an account's sessions that the platform's links opened, or the one that is named.
DELETE FROM browser_session
WHERE account_id = %(account_id)s AND address IS NULL
    AND (%(session_id)s::text IS NULL OR session_id = %(session_id)s)
