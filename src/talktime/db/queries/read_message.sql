-- One message.
SELECT m.account_id, m.message_id, m.kind, m.ref, m.recipient, m.facts, m.created_at, m.state, m.attempts,
    m.last_error, m.sent_at
FROM message m
WHERE m.account_id = %(account_id)s AND m.message_id = %(message_id)s
