-- Another card, another chance.
UPDATE auto_reload r SET failures = 0, stopped_at = NULL, look_at = %(now)s, attempted_at = NULL
WHERE r.account_id = %(account_id)s
