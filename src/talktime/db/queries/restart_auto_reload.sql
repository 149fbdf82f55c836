-- The customer switches on again what had stopped, for some more attempts.
UPDATE auto_reload r SET failures = %(failures_kept)s, stopped_at = NULL, look_at = %(now)s
WHERE r.account_id = %(account_id)s AND r.is_on AND r.stopped_at IS NOT NULL
