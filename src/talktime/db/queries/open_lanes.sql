-- Lets a new endpoint hear of its account, or of all accounts, from now on.
INSERT INTO webhook_lane (account_id, endpoint_id, owner_id, event_seq)
SELECT a.account_id, %(endpoint_id)b::text, %(owner_id)b::text, a.event_seq FROM account a
WHERE %(owner_id)b::text = '' OR a.account_id = %(owner_id)b::text
ON CONFLICT ON CONSTRAINT webhook_lane_pk DO NOTHING
