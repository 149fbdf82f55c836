-- What messages about a balance that fell below its warning level say of it, beside what is set aside by now.
SELECT m.account_id, m.message_id, m.facts ->> 'available' AS available, m.facts ->> 'floor' AS floor,
    a.held_nanos, a.status
FROM unnest(%(account_id)s::text [], %(message_id)s::uuid []) AS w (account_id, message_id)
JOIN message m ON m.account_id = w.account_id AND m.message_id = w.message_id
JOIN account a ON a.account_id = w.account_id
