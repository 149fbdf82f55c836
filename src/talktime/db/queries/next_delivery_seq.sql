-- Takes the next number of a lane, for a message sent by hand; opens the lane where the platform has none yet.
INSERT INTO webhook_lane AS l (account_id, endpoint_id, owner_id, event_seq, delivery_seq, done_seq)
VALUES (%(account_id)b::text, %(endpoint_id)b::text, %(owner_id)b::text, 0, 1, 1)
ON CONFLICT ON CONSTRAINT webhook_lane_pk DO UPDATE SET delivery_seq = l.delivery_seq + 1,
    done_seq = CASE WHEN l.done_seq = l.delivery_seq THEN l.delivery_seq + 1 ELSE l.done_seq END
RETURNING delivery_seq
