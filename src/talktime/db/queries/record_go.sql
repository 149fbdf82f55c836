-- Notes how a lane's attempts went, if it is still ours, and that its endpoint takes what it is sent, where it does.
-- The lane stays ours until a moment where we go on; otherwise it is given back: due when it said, else at once where
-- more waits behind what is done, else not at all. Nobody waits for this to be on disk: what a crash of the database
-- takes back is sent once more.
WITH held AS (
    UPDATE webhook_lane l SET done_seq = greatest(l.done_seq, %(done_seq)b::bigint),
        claim = CASE WHEN %(goes_on)b::boolean THEN l.claim END,
        due_at = CASE
            WHEN %(goes_on)b::boolean THEN %(until)b::timestamptz
            WHEN %(retry_at)b::timestamptz IS NOT NULL THEN %(retry_at)b::timestamptz
            WHEN l.delivery_seq > greatest(l.done_seq, %(done_seq)b::bigint) THEN %(now)b::timestamptz
        END
    FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
    WHERE l.account_id = %(account_id)b::text AND l.owner_id = %(owner_id)b::text
        AND l.endpoint_id = %(endpoint_id)b::text AND l.claim = %(claim)b::text
    RETURNING l.account_id, l.owner_id, l.endpoint_id
), noted AS (
    UPDATE webhook_delivery d SET state = u.state, attempts = d.attempts + 1, attempted_at = u.attempted_at,
        last_status = u.status, last_failure = u.failure
    FROM held h
    CROSS JOIN unnest(%(delivery_seq)b::bigint [], %(state)b::text [], %(status)b::bigint [], %(failure)b::text [],
        %(attempted_at)b::timestamptz []) AS u (delivery_seq, state, status, failure, attempted_at)
    WHERE d.account_id = h.account_id AND d.owner_id = h.owner_id AND d.endpoint_id = h.endpoint_id
        AND d.delivery_seq = u.delivery_seq AND d.state = 'waiting'
), well AS (
    UPDATE webhook_endpoint e SET failing_since = NULL, last_failure = NULL,
        last_delivered_at = %(taken_at)b::timestamptz
    FROM held h
    WHERE %(taken_at)b::timestamptz IS NOT NULL AND e.account_id = h.owner_id AND e.endpoint_id = h.endpoint_id
        AND (e.failing_since IS NOT NULL OR e.last_delivered_at IS NULL
            OR e.last_delivered_at < %(taken_at)b::timestamptz - interval '5 seconds')
)
SELECT count(*) FROM held
