-- Messages to single people, newest first, of any account or one, in any state or one, below one.
SELECT m.account_id, m.message_id, m.kind, m.ref, m.recipient, m.facts, m.created_at, m.state, m.attempts,
    m.last_error, m.sent_at
FROM message m
WHERE m.state <> 'expanded'
    AND (%(account_id)s::text IS NULL OR m.account_id = %(account_id)s)
    AND (%(state)s::text IS NULL OR m.state = %(state)s)
    AND (
        %(below_time)s::timestamptz IS NULL
        OR (m.created_at, m.message_id) < (%(below_time)s::timestamptz, %(below_id)s::uuid)
    )
ORDER BY m.created_at DESC, m.message_id DESC LIMIT %(limit)s
