-- A message was handed over: what lets its reader act is forgotten. Nobody waits for this to be on disk: should a crash
-- of the database take it back, the same mail goes out once more, as after a crash of ours before this.
UPDATE message m SET state = 'sent', attempts = m.attempts + 1, last_error = NULL, sent_at = %(now)s,
    facts = m.facts - %(forgotten)s::text []
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
WHERE m.account_id = %(account_id)s AND m.message_id = %(message_id)s
