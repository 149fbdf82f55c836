-- Forgets some of the windows of attempts that began before a moment.
DELETE FROM guess_window g
WHERE (g.kind, g.subject_sha256) IN (
    SELECT o.kind, o.subject_sha256 FROM guess_window o WHERE o.began_at < %(before)s LIMIT %(limit)s
)
