-- When the window that is open began, if it has so many attempts.
SELECT g.began_at FROM guess_window g
WHERE g.kind = %(kind)s AND g.subject_sha256 = %(subject_sha256)s AND g.began_at > %(since)s
    AND g.attempts >= %(least)s
