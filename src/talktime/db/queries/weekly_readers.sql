-- Who chose the weekly summary and is due one: on the account's clocks it is Monday morning, not long past, a call was
-- charged in the two weeks before, and this Monday's was not written yet. In their order, after a given one.
SELECT r.account_id, r.address, d.monday
FROM member r
JOIN account a ON a.account_id = r.account_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN %(now)s < a.time_zone_since THEN coalesce(a.former_time_zone, a.time_zone) ELSE a.time_zone END
        AS name
) z
CROSS JOIN LATERAL (SELECT date_trunc('week', %(now)s AT TIME ZONE z.name)::date AS monday) d
CROSS JOIN LATERAL (SELECT (d.monday + %(morning)s::time) AT TIME ZONE z.name AS due_at) t
WHERE 'weekly' = ANY(r.mail) AND (r.account_id, r.address) > (%(after_account)s, %(after_address)s)
    AND t.due_at <= %(now)s AND t.due_at > %(now)s - %(catch_up)s::interval
    AND EXISTS (
        SELECT FROM usage_rollup u
        WHERE u.account_id = r.account_id AND u.bucket_start >= (d.monday - 14)::timestamp AT TIME ZONE z.name
            AND u.bucket_start < d.monday::timestamp AT TIME ZONE z.name
    )
    AND NOT EXISTS (
        SELECT FROM message m
        WHERE m.account_id = r.account_id AND m.kind = 'weekly_summary' AND m.recipient = r.address
            AND m.ref = d.monday::text
    )
ORDER BY r.account_id, r.address LIMIT %(limit)s
