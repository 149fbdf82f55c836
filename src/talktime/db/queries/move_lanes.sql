-- Notes how far lanes have been told; those with something to send are due.
UPDATE webhook_lane l SET event_seq = u.event_seq, delivery_seq = u.delivery_seq, told_at = %(now)b::timestamptz,
    due_at = CASE WHEN u.delivery_seq > l.delivery_seq THEN coalesce(l.due_at, %(now)b::timestamptz) ELSE l.due_at END
FROM unnest(%(account_id)b::text [], %(owner_id)b::text [], %(endpoint_id)b::text [], %(event_seq)b::bigint [],
    %(delivery_seq)b::bigint [])
    AS u (account_id, owner_id, endpoint_id, event_seq, delivery_seq)
WHERE l.account_id = u.account_id AND l.owner_id = u.owner_id AND l.endpoint_id = u.endpoint_id
