-- Puts jobs into the queue, in the caller's transaction.
SELECT defer_jobs(
    %(queue)s::text [], %(task)s::text [], %(lock)s::text [], %(args)s::text []::jsonb [],
    %(scheduled_at)s::timestamptz []
)
