-- Makes deliveries, to be sent in the order of their lanes.
INSERT INTO webhook_delivery (account_id, owner_id, endpoint_id, delivery_seq, message_id, type, body, created_at)
SELECT u.account_id, u.owner_id, u.endpoint_id, u.delivery_seq, u.message_id, u.type, u.body, %(now)b::timestamptz
FROM unnest(%(account_id)b::text [], %(owner_id)b::text [], %(endpoint_id)b::text [], %(delivery_seq)b::bigint [],
    %(message_id)b::text [], %(type)b::text [], %(body)b::text [])
    AS u (account_id, owner_id, endpoint_id, delivery_seq, message_id, type, body)
