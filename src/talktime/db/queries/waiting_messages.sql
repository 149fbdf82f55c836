-- Takes messages that wait, oldest first, passing over those that another relay has in hand, and kinds that only a
-- newer release knows: in an upgrade one process of it may already write them.
SELECT m.account_id, m.message_id, m.kind, m.recipient, m.created_at
FROM message m
WHERE m.state = 'waiting' AND m.kind = ANY(%(kinds)s)
ORDER BY m.created_at LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
