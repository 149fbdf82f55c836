-- What happened on some accounts, each from after one of its events up to another, as it is told outside.
SELECT e.account_id, e.event_seq, e.recorded_at, e.kind, e.ref, e.entry_seq, e.available_nanos
FROM unnest(%(account_id)b::text [], %(after)b::bigint [], %(upto)b::bigint []) AS w (account_id, after, upto)
JOIN event e ON e.account_id = w.account_id AND e.event_seq > w.after AND e.event_seq <= w.upto
ORDER BY e.account_id, e.event_seq
