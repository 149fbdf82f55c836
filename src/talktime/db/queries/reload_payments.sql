-- Whether an account's auto-reload has a payment under way, and what its auto-reloads have charged since two moments.
SELECT
    coalesce(bool_or(p.status IN ('opening', 'waiting')), false) AS has_open_payment,
    coalesce(sum(p.amount_nanos) FILTER (
        WHERE p.created_at >= %(day_began)s AND p.status IN ('opening', 'waiting', 'succeeded')
    ), 0)::bigint AS charged_today_nanos,
    coalesce(sum(p.amount_nanos) FILTER (
        WHERE p.created_at >= %(month_began)s AND p.status IN ('opening', 'waiting', 'succeeded')
    ), 0)::bigint AS charged_this_month_nanos
FROM payment p
WHERE p.account_id = %(account_id)s AND p.origin = 'auto_reload'
    AND p.created_at >= least(%(day_began)s, %(month_began)s, %(now)s - interval '4 days')
