-- Keeps where months begin, unless that was told before.
INSERT INTO month_start (account_id, month, starts_at, zone)
SELECT %(account_id)s, x.month, x.starts_at, x.zone
FROM unnest(%(months)s::date [], %(starts_at)s::timestamptz [], %(zones)s::text []) AS x (month, starts_at, zone)
ORDER BY 1, 2
ON CONFLICT DO NOTHING
