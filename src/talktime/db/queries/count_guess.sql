-- Counts an attempt, in the window that is open or in a new one; no row where it would be one too many.
INSERT INTO guess_window AS g (kind, subject_sha256, began_at, attempts)
VALUES (%(kind)s, %(subject_sha256)s, %(now)s, 1)
ON CONFLICT (kind, subject_sha256) DO UPDATE SET
    attempts = CASE WHEN g.began_at > %(since)s THEN g.attempts + 1 ELSE 1 END,
    began_at = CASE WHEN g.began_at > %(since)s THEN g.began_at ELSE excluded.began_at END
WHERE g.began_at <= %(since)s OR g.attempts < %(most)s
RETURNING g.began_at
