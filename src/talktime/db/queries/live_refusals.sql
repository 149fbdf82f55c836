-- Some refused starts by the events that told them.
SELECT r.account_id, r.event_seq, r.call_id, r.channel, r.reason, r.available_nanos, r.held_nanos, r.startable_nanos,
    r.floor_nanos, r.refused_at
FROM unnest(%(account_id)b::text [], %(event_seq)b::bigint []) AS w (account_id, event_seq)
JOIN refusal r ON r.account_id = w.account_id AND r.event_seq = w.event_seq
