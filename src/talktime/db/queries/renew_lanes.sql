-- Keeps lanes that are still ours for longer; those who died let them go by saying nothing. One that somebody else
-- writes just then is left out until the next time: who waits while holding others may be waited for.
WITH ours AS (
    SELECT u.* FROM unnest(
        %(account_id)b::text [], %(owner_id)b::text [], %(endpoint_id)b::text [], %(claim)b::text []
    ) AS u (account_id, owner_id, endpoint_id, claim)
), held AS (
    SELECT l.account_id, l.owner_id, l.endpoint_id
    FROM ours o
    JOIN webhook_lane l ON l.account_id = o.account_id AND l.owner_id = o.owner_id
        AND l.endpoint_id = o.endpoint_id AND l.claim = o.claim
    CROSS JOIN (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
    FOR UPDATE OF l SKIP LOCKED
)
UPDATE webhook_lane l SET due_at = %(until)b::timestamptz FROM held
WHERE l.account_id = held.account_id AND l.owner_id = held.owner_id AND l.endpoint_id = held.endpoint_id
