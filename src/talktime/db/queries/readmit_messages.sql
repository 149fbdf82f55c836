-- Lets messages wait again of which no job is left, however it was lost.
UPDATE message m SET state = 'waiting'
WHERE m.state = 'deferred' AND m.created_at < %(before)s AND m.recipient IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM jobs.procrastinate_jobs j
        WHERE j.status IN ('todo', 'doing') AND j.args ->> 'message_id' = m.message_id::text
    )
