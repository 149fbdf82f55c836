-- Another card, another chance, after the pause there is between two attempts: or cards could be tried out here.
UPDATE auto_reload r SET failures = 0, stopped_at = NULL, look_at = %(now)s
WHERE r.account_id = %(account_id)s
