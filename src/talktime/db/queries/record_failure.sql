-- A message could not be handed over: tried again later, or given up.
UPDATE message m SET state = %(state)s, attempts = m.attempts + 1, last_error = %(reason)s
WHERE m.account_id = %(account_id)s AND m.message_id = %(message_id)s AND m.state = 'deferred'
