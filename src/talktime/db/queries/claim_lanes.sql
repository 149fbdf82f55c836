-- Takes lanes that are due, a few per endpoint, those under way among them; they are due again should we die.
WITH given AS (
    SELECT %(now)b::timestamptz AS moment,
        -- a claim that a crash of the database takes back is one that somebody else may make
        set_config('synchronous_commit', 'off', true) AS unhurried
), due AS (
    SELECT c.account_id, c.owner_id, c.endpoint_id
    FROM given g
    CROSS JOIN webhook_endpoint e
    LEFT JOIN unnest(%(busy_owner)b::text [], %(busy_endpoint)b::text [], %(busy_lanes)b::bigint [])
        AS b (owner_id, endpoint_id, lanes) ON b.owner_id = e.account_id AND b.endpoint_id = e.endpoint_id
    CROSS JOIN LATERAL (
        SELECT l.account_id, l.owner_id, l.endpoint_id FROM webhook_lane l
        WHERE l.endpoint_id = e.endpoint_id AND l.owner_id = e.account_id AND l.due_at <= g.moment
        ORDER BY l.due_at LIMIT greatest(%(per_endpoint)b::bigint - coalesce(b.lanes, 0), 0)
        FOR UPDATE OF l SKIP LOCKED
    ) c
    WHERE e.status = 'enabled'
        AND (e.account_id, e.endpoint_id) IN (
            SELECT w.owner_id, w.endpoint_id FROM webhook_lane w WHERE w.due_at <= g.moment
        )
    LIMIT %(limit)b::bigint
), taken AS (
    UPDATE webhook_lane l SET claim = %(claim)b::text, due_at = %(until)b::timestamptz
    FROM due
    WHERE l.account_id = due.account_id AND l.owner_id = due.owner_id AND l.endpoint_id = due.endpoint_id
    RETURNING l.account_id, l.endpoint_id, l.owner_id, l.delivery_seq, l.done_seq
)
SELECT t.account_id, t.endpoint_id, t.owner_id, t.delivery_seq, t.done_seq, e.url, e.secret,
    CASE WHEN e.former_secret_until > g.moment THEN e.former_secret END AS former_secret
FROM given g
CROSS JOIN taken t
JOIN webhook_endpoint e ON e.account_id = t.owner_id AND e.endpoint_id = t.endpoint_id
