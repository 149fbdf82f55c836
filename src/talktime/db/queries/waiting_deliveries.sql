-- The next deliveries of some lanes, each lane's in order.
SELECT w.nth, d.delivery_seq, d.message_id, d.body, d.created_at, d.attempts
FROM unnest(%(account_id)b::text [], %(owner_id)b::text [], %(endpoint_id)b::text [], %(after)b::bigint [])
    WITH ORDINALITY AS w (account_id, owner_id, endpoint_id, after, nth)
CROSS JOIN LATERAL (
    SELECT o.delivery_seq, o.message_id, o.body, o.created_at, o.attempts FROM webhook_delivery o
    WHERE o.account_id = w.account_id AND o.owner_id = w.owner_id AND o.endpoint_id = w.endpoint_id
        AND o.delivery_seq > w.after AND o.state = 'waiting'
    ORDER BY o.delivery_seq LIMIT %(limit)b::bigint
) d
ORDER BY w.nth, d.delivery_seq
