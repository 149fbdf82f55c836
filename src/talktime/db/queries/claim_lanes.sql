-- Takes lanes that are due, oldest first: a few per endpoint and a few per owner (quick endpoints before others), those
-- under way among them, and of quick endpoints and of others so many each. They are due again should we die.
WITH given AS (
    SELECT %(now)b::timestamptz AS moment, %(quick)b::bigint AS quick, %(unproven)b::bigint AS unproven,
        %(per_account)b::bigint AS per_account, %(for_platform)b::bigint AS for_platform,
        -- a claim that a crash of the database takes back is one that somebody else may make
        set_config('synchronous_commit', 'off', true) AS unhurried
), known AS (
    SELECT k.owner_id, k.endpoint_id, k.lanes
    FROM unnest(%(known_owner)b::text [], %(known_endpoint)b::text [], %(known_lanes)b::bigint [])
        AS k (owner_id, endpoint_id, lanes)
), busy AS (
    SELECT k.owner_id, sum(k.lanes)::bigint AS lanes FROM known k GROUP BY k.owner_id
), due AS (
    -- an account's endpoint has one lane
    SELECT l.account_id, l.owner_id, l.endpoint_id, l.due_at, e.is_quick
    FROM given g
    CROSS JOIN webhook_lane l
    CROSS JOIN LATERAL (
        -- the limit has each looked up by its key: few are due as a rule, of however many there are
        SELECT o.is_quick, o.status FROM webhook_endpoint o
        WHERE o.account_id = l.owner_id AND o.endpoint_id = l.endpoint_id LIMIT 1
    ) e
    WHERE l.owner_id > '' AND l.due_at <= g.moment AND e.status = 'enabled'
    UNION ALL
    SELECT c.account_id, c.owner_id, c.endpoint_id, c.due_at, e.is_quick
    FROM given g
    CROSS JOIN webhook_endpoint e
    LEFT JOIN known k ON k.owner_id = e.account_id AND k.endpoint_id = e.endpoint_id
    CROSS JOIN LATERAL (
        SELECT l.account_id, l.owner_id, l.endpoint_id, l.due_at FROM webhook_lane l
        WHERE l.owner_id = e.account_id AND l.endpoint_id = e.endpoint_id AND l.due_at <= g.moment
        ORDER BY l.due_at LIMIT greatest(%(per_endpoint)b::bigint - coalesce(k.lanes, 0), 0)
    ) c
    WHERE e.account_id = '' AND e.status = 'enabled'
), ranked AS (
    SELECT d.account_id, d.owner_id, d.endpoint_id, d.due_at, d.is_quick,
        row_number() OVER (PARTITION BY d.owner_id ORDER BY d.is_quick DESC, d.due_at) AS of_owner
    FROM due d
), allowed AS (
    SELECT r.account_id, r.owner_id, r.endpoint_id, r.is_quick,
        row_number() OVER (PARTITION BY r.is_quick ORDER BY r.due_at) AS of_kind
    FROM given g
    CROSS JOIN ranked r
    LEFT JOIN busy b ON b.owner_id = r.owner_id
    WHERE r.of_owner + coalesce(b.lanes, 0) <= CASE WHEN r.owner_id = '' THEN g.for_platform ELSE g.per_account END
), locked AS (
    -- what another worker took meanwhile is not due any more; said so that each is looked up by its key, and not among
    -- all that are due of its endpoint
    SELECT l.account_id, l.owner_id, l.endpoint_id
    FROM given g
    CROSS JOIN allowed a
    JOIN webhook_lane l ON l.account_id = a.account_id AND l.owner_id = a.owner_id AND l.endpoint_id = a.endpoint_id
    WHERE a.of_kind <= CASE WHEN a.is_quick THEN g.quick ELSE g.unproven END
        AND coalesce(l.due_at, 'infinity') <= g.moment
    FOR UPDATE OF l SKIP LOCKED
), taken AS (
    UPDATE webhook_lane l SET claim = %(claim)b::text, due_at = %(until)b::timestamptz
    FROM locked k
    WHERE l.account_id = k.account_id AND l.owner_id = k.owner_id AND l.endpoint_id = k.endpoint_id
    RETURNING l.account_id, l.endpoint_id, l.owner_id, l.delivery_seq, l.done_seq
)
SELECT t.account_id, t.endpoint_id, t.owner_id, t.delivery_seq, t.done_seq, e.url, e.secret,
    CASE WHEN e.former_secret_until > g.moment THEN e.former_secret END AS former_secret, e.is_quick
FROM given g
CROSS JOIN taken t
JOIN webhook_endpoint e ON e.account_id = t.owner_id AND e.endpoint_id = t.endpoint_id
