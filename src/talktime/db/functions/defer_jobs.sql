-- Puts jobs into the queue, in the caller's transaction: they run once it is committed, those that share a
-- lock one after another in this order. The one place of ours that knows the queue's own functions.
CREATE OR REPLACE FUNCTION defer_jobs(
    p_queue text [], p_task text [], p_lock text [], p_args jsonb [], p_scheduled_at timestamptz []
) RETURNS void LANGUAGE plpgsql SET search_path = jobs, pg_temp AS $$
BEGIN
    PERFORM procrastinate_defer_jobs_v1(array_agg(
        (q.queue, q.task, 0, q.lock, NULL, q.args, q.scheduled_at)::procrastinate_job_to_defer_v1 ORDER BY q.nth
    ))
    FROM unnest(p_queue, p_task, p_lock, p_args, p_scheduled_at)
        WITH ORDINALITY AS q (queue, task, lock, args, scheduled_at, nth);
END $$;
