-- A message was handed over: what lets its reader act is forgotten.
UPDATE message m SET state = 'sent', attempts = m.attempts + 1, last_error = NULL, sent_at = %(now)s,
    facts = m.facts - %(forgotten)s::text []
WHERE m.account_id = %(account_id)s AND m.message_id = %(message_id)s
