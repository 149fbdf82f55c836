-- Notes how an attempt went, if the lane is still ours; it stays so until a moment.
WITH held AS (
    UPDATE webhook_lane l SET due_at = %(until)b::timestamptz,
        done_seq = CASE WHEN %(state)b::text = 'waiting' THEN l.done_seq ELSE %(delivery_seq)b::bigint END
    WHERE l.account_id = %(account_id)b::text AND l.owner_id = %(owner_id)b::text
        AND l.endpoint_id = %(endpoint_id)b::text AND l.claim = %(claim)b::text
    RETURNING l.account_id, l.owner_id, l.endpoint_id
)
UPDATE webhook_delivery d SET state = %(state)b::text, attempts = d.attempts + 1,
    attempted_at = %(now)b::timestamptz, last_status = %(status)b::bigint, last_failure = %(failure)b::text
FROM held h
WHERE d.account_id = h.account_id AND d.owner_id = h.owner_id AND d.endpoint_id = h.endpoint_id
    AND d.delivery_seq = %(delivery_seq)b::bigint
