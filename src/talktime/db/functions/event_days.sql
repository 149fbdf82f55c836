-- Makes the outbox partitions of the coming days and drops those older than p_keep_days. Owned by the
-- schema's owner, for the application may not make or drop tables. Answers how many it dropped.
CREATE OR REPLACE FUNCTION plan_event_days(p_today date, p_ahead integer, p_keep_days integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_day date;
    v_name text;
    v_dropped integer := 0;
BEGIN
    -- Who may call this may not own the tables: a wrong date must not drop what is still told.
    IF p_today NOT BETWEEN current_date - 1 AND current_date + 1 OR p_ahead NOT BETWEEN 0 AND 14 OR p_keep_days < 1 THEN
        RAISE EXCEPTION 'days out of range: today %, ahead %, keep %', p_today, p_ahead, p_keep_days
            USING ERRCODE = '22023';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('talktime.plan_event_days'));
    FOR v_day IN SELECT p_today + n FROM generate_series(0, p_ahead) AS n LOOP
        v_name := 'event_' || to_char(v_day, 'YYYYMMDD');
        IF to_regclass(v_name) IS NULL AND NOT EXISTS (
            SELECT 1 FROM event_unplanned e
            WHERE e.recorded_at >= v_day::timestamp AT TIME ZONE 'UTC'
                AND e.recorded_at < (v_day + 1)::timestamp AT TIME ZONE 'UTC'
        ) THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF event FOR VALUES FROM (%L) TO (%L)', v_name,
                to_char(v_day, 'YYYY-MM-DD"T00:00:00Z"'), to_char(v_day + 1, 'YYYY-MM-DD"T00:00:00Z"'));
        END IF;
    END LOOP;
    FOR v_name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'event'::regclass AND c.relname ~ '^event_\d{8}$'
            AND to_date(right(c.relname, 8), 'YYYYMMDD') < p_today - p_keep_days
    LOOP
        EXECUTE format('DROP TABLE %I', v_name);
        v_dropped := v_dropped + 1;
    END LOOP;
    DELETE FROM event_unplanned e WHERE e.recorded_at < (p_today - p_keep_days)::timestamp AT TIME ZONE 'UTC';
    RETURN v_dropped;
END $$;
