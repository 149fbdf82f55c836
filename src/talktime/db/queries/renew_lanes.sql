-- Keeps lanes that are still ours for longer; those who died let them go by saying nothing.
UPDATE webhook_lane l SET due_at = %(until)b::timestamptz
FROM unnest(%(account_id)b::text [], %(owner_id)b::text [], %(endpoint_id)b::text [], %(claim)b::text [])
    AS u (account_id, owner_id, endpoint_id, claim)
CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
WHERE l.account_id = u.account_id AND l.owner_id = u.owner_id AND l.endpoint_id = u.endpoint_id AND l.claim = u.claim
