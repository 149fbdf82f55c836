-- What an account's calls were charged in the calendar month of p_now in a time zone, up to now.
CREATE OR REPLACE FUNCTION month_to_date(p_account_id text, p_time_zone text, p_now timestamptz)
RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(u.charge_nanos), 0)::bigint
    FROM usage_rollup u
    WHERE u.account_id = p_account_id
        AND u.bucket_start >= date_trunc('month', p_now AT TIME ZONE p_time_zone) AT TIME ZONE p_time_zone
        AND u.bucket_start
            < (date_trunc('month', p_now AT TIME ZONE p_time_zone) + interval '1 month') AT TIME ZONE p_time_zone
$$;
