-- Writes a message to be sent, unless it was written before.
INSERT INTO message (account_id, kind, ref, recipient, facts, created_at)
VALUES (%(account_id)s, %(kind)s, %(ref)s, %(recipient)s, %(facts)s::text::jsonb, %(now)s)
ON CONFLICT (account_id, message_id) DO NOTHING
