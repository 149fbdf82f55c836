-- Takes lanes that are due, oldest first: a few per endpoint, a few per owner (quick endpoints before slow ones), so
-- many of slow endpoints and so many in all, those under way among them. They are due again should we die.
WITH given AS (
    SELECT %(now)b::timestamptz AS moment, %(per_account)b::bigint AS per_account,
        %(for_platform)b::bigint AS for_platform,
        -- a claim that a crash of the database takes back is one that somebody else may make
        set_config('synchronous_commit', 'off', true) AS unhurried
), known AS (
    SELECT k.owner_id, k.endpoint_id, k.lanes, k.is_slow
    FROM unnest(%(known_owner)b::text [], %(known_endpoint)b::text [], %(known_lanes)b::bigint [],
        %(known_slow)b::boolean [])
        AS k (owner_id, endpoint_id, lanes, is_slow)
), busy AS (
    SELECT k.owner_id, sum(k.lanes) AS lanes FROM known k GROUP BY k.owner_id
), due AS (
    SELECT c.account_id, c.owner_id, c.endpoint_id, c.due_at, coalesce(k.is_slow, false) AS is_slow,
        row_number() OVER (
            PARTITION BY c.owner_id ORDER BY coalesce(k.is_slow, false), c.due_at
        ) AS of_owner
    FROM given g
    CROSS JOIN webhook_endpoint e
    LEFT JOIN known k ON k.owner_id = e.account_id AND k.endpoint_id = e.endpoint_id
    CROSS JOIN LATERAL (
        SELECT l.account_id, l.owner_id, l.endpoint_id, l.due_at FROM webhook_lane l
        WHERE l.endpoint_id = e.endpoint_id AND l.owner_id = e.account_id AND l.due_at <= g.moment
        ORDER BY l.due_at LIMIT greatest(%(per_endpoint)b::bigint - coalesce(k.lanes, 0), 0)
    ) c
    WHERE e.status = 'enabled'
        AND (e.account_id, e.endpoint_id) IN (
            SELECT w.owner_id, w.endpoint_id FROM webhook_lane w WHERE w.due_at <= g.moment
        )
), allowed AS (
    SELECT d.account_id, d.owner_id, d.endpoint_id, d.due_at, d.is_slow,
        row_number() OVER (PARTITION BY d.is_slow ORDER BY d.due_at) AS of_kind
    FROM given g
    CROSS JOIN due d
    LEFT JOIN busy b ON b.owner_id = d.owner_id
    WHERE d.of_owner + coalesce(b.lanes, 0)
        <= CASE WHEN d.owner_id = '' THEN g.for_platform ELSE g.per_account END
), chosen AS (
    SELECT a.account_id, a.owner_id, a.endpoint_id
    FROM allowed a
    WHERE NOT a.is_slow
        OR a.of_kind + (SELECT coalesce(sum(k.lanes), 0) FROM known k WHERE k.is_slow) <= %(slow)b::bigint
    ORDER BY a.due_at LIMIT greatest(%(lanes)b::bigint - (SELECT coalesce(sum(b.lanes), 0) FROM busy b), 0)
), locked AS (
    -- what another worker took meanwhile is not due any more
    SELECT l.account_id, l.owner_id, l.endpoint_id
    FROM given g
    CROSS JOIN chosen c
    JOIN webhook_lane l ON l.account_id = c.account_id AND l.owner_id = c.owner_id AND l.endpoint_id = c.endpoint_id
    WHERE l.due_at <= g.moment
    FOR UPDATE OF l SKIP LOCKED
), taken AS (
    UPDATE webhook_lane l SET claim = %(claim)b::text, due_at = %(until)b::timestamptz
    FROM locked k
    WHERE l.account_id = k.account_id AND l.owner_id = k.owner_id AND l.endpoint_id = k.endpoint_id
    RETURNING l.account_id, l.endpoint_id, l.owner_id, l.delivery_seq, l.done_seq
)
SELECT t.account_id, t.endpoint_id, t.owner_id, t.delivery_seq, t.done_seq, e.url, e.secret,
    CASE WHEN e.former_secret_until > g.moment THEN e.former_secret END AS former_secret
FROM given g
CROSS JOIN taken t
JOIN webhook_endpoint e ON e.account_id = t.owner_id AND e.endpoint_id = t.endpoint_id
