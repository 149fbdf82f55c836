-- Notes how a resend went: what was taken is delivered, what was not stays as it was.
UPDATE webhook_delivery d SET attempts = d.attempts + 1, attempted_at = %(now)b::timestamptz,
    state = CASE WHEN %(failure)b::text IS NULL THEN 'delivered' ELSE d.state END,
    last_status = %(status)b::bigint, last_failure = %(failure)b::text
WHERE d.account_id = %(account_id)b::text AND d.owner_id = %(owner_id)b::text
    AND d.endpoint_id = %(endpoint_id)b::text AND d.delivery_seq = %(delivery_seq)b::bigint AND d.state <> 'waiting'
