-- Gives a lane back: due when it said, else at once where more waits behind what is done, else not at all.
UPDATE webhook_lane l SET claim = NULL, done_seq = greatest(l.done_seq, %(done_seq)b::bigint),
    due_at = CASE
        WHEN %(retry_at)b::timestamptz IS NOT NULL THEN %(retry_at)b::timestamptz
        WHEN l.delivery_seq > greatest(l.done_seq, %(done_seq)b::bigint) THEN %(now)b::timestamptz
    END
WHERE l.account_id = %(account_id)b::text AND l.owner_id = %(owner_id)b::text
    AND l.endpoint_id = %(endpoint_id)b::text AND l.claim = %(claim)b::text
