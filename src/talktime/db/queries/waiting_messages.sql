-- Takes messages that wait, oldest first, passing over those that another relay has in hand.
SELECT m.account_id, m.message_id, m.kind, m.recipient, m.created_at
FROM message m
WHERE m.state = 'waiting'
ORDER BY m.created_at LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
