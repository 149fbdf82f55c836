-- Keeps a message that was sent by hand, with how it went.
INSERT INTO webhook_delivery (account_id, owner_id, endpoint_id, delivery_seq, message_id, type, body, created_at,
    state, attempts, attempted_at, last_status, last_failure)
VALUES (%(account_id)b::text, %(owner_id)b::text, %(endpoint_id)b::text, %(delivery_seq)b::bigint,
    %(message_id)b::text, %(type)b::text, %(body)b::text, %(created_at)b::timestamptz,
    %(state)b::text, 1, %(now)b::timestamptz, %(status)b::bigint, %(failure)b::text)
