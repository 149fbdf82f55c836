-- Makes of messages to whoever chose their kind one to each of these, with facts that were added.
INSERT INTO message (account_id, kind, ref, recipient, facts, created_at, state)
SELECT m.account_id, m.kind, m.ref, r.address,
    m.facts || jsonb_build_object('account_name', a.name) || w.facts, m.created_at, 'deferred'
FROM unnest(%(account_id)s::text [], %(message_id)s::uuid [], %(choice)s::text [], %(facts)s::jsonb [])
    AS w (account_id, message_id, choice, facts)
JOIN message m ON m.account_id = w.account_id AND m.message_id = w.message_id
JOIN account a ON a.account_id = w.account_id
JOIN member r ON r.account_id = w.account_id
    AND CASE WHEN w.choice IS NULL THEN r.role = 'owner' ELSE w.choice = ANY(r.mail) END
ON CONFLICT DO NOTHING
RETURNING account_id, message_id
