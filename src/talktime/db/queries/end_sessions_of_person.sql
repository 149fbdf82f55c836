-- Closes a person's sessions on all accounts, or the one that is named.
DELETE FROM browser_session
WHERE address = %(address)s AND (%(session_id)s::text IS NULL OR session_id = %(session_id)s)
