-- Takes an attempt back, where the window that it was counted in is still the one that is kept.
UPDATE guess_window SET attempts = attempts - 1
WHERE kind = %(kind)s AND subject_sha256 = %(subject_sha256)s AND began_at = %(began_at)s AND attempts > 0
