-- Moves messages to a state, each with its reason where there is one.
UPDATE message m SET state = w.state, last_error = w.reason
FROM unnest(%(account_id)s::text [], %(message_id)s::uuid [], %(state)s::text [], %(reason)s::text [])
    AS w (account_id, message_id, state, reason)
WHERE m.account_id = w.account_id AND m.message_id = w.message_id
