-- What an account's calls were charged in the calendar month of p_now, up to now. The month begins in
-- p_time_zone, the account's; where that was changed this month, in the former one.
CREATE OR REPLACE FUNCTION month_to_date(p_account_id text, p_time_zone text, p_now timestamptz)
RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(u.charge_nanos), 0)::bigint
    FROM (
        SELECT date_trunc('month', p_now AT TIME ZONE z.name) AS month_start, z.name AS zone
        FROM (
            SELECT CASE WHEN p_now < a.time_zone_since THEN a.former_time_zone ELSE p_time_zone END AS name
            FROM account a WHERE a.account_id = p_account_id
        ) z
    ) m
    JOIN usage_rollup u ON u.account_id = p_account_id
        AND u.bucket_start >= m.month_start AT TIME ZONE m.zone
        AND u.bucket_start < (m.month_start + interval '1 month') AT TIME ZONE m.zone
$$;
