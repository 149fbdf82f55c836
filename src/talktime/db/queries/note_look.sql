-- When an auto-reload is worth looking at again, and that it was tried.
UPDATE auto_reload r SET look_at = %(look_at)s, attempted_at = coalesce(%(attempted_at)s, r.attempted_at)
WHERE r.account_id = %(account_id)s
