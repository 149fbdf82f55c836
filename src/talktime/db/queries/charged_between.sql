-- What an account's calls were charged in each of some spans of time, to the quarter of an hour.
SELECT w.item, coalesce(sum(u.charge_nanos), 0)::bigint AS charge_nanos
FROM unnest(%(since)s::timestamptz [], %(until)s::timestamptz []) WITH ORDINALITY AS w (since, until, item)
LEFT JOIN usage_rollup u
    ON u.account_id = %(account_id)s AND u.bucket_start >= w.since AND u.bucket_start < w.until
GROUP BY w.item ORDER BY w.item
