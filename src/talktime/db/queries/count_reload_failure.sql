-- One more failure in a row; too many stop the auto-reload.
UPDATE auto_reload r SET failures = r.failures + 1,
    stopped_at = CASE WHEN r.failures + 1 >= %(failures_max)s THEN coalesce(r.stopped_at, %(now)s) END
WHERE r.account_id = %(account_id)s
RETURNING r.failures, r.stopped_at = %(now)s AS has_stopped
