-- Of what came of looking at an auto-reload, only the newest is kept.
DELETE FROM auto_reload_check k
WHERE k.account_id = %(account_id)s AND k.first_at < (
    SELECT o.first_at FROM auto_reload_check o
    WHERE o.account_id = %(account_id)s ORDER BY o.first_at DESC LIMIT 1 OFFSET %(kept)s
)
