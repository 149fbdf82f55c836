-- Admits or refuses a batch of new calls.
SELECT item, verdict, status, billing_status, hold_nanos, available_nanos, held_nanos, startable_nanos,
    margin_ppm, revision, admitted_at, lease_ms
FROM start_calls(%(now)b::timestamptz, %(floor)b::bigint, %(margin_ppm)b::integer, %(lease_ms)b::integer,
    %(account_id)b::text [], %(call_id)b::text [], %(channel)b::text [], %(direction)b::text [],
    %(agent_id)b::text [], %(from_number)b::text [], %(to_number)b::text [], %(started_at)b::timestamptz [],
    %(admitted_at)b::timestamptz [], %(metadata)b::text [], %(hold)b::bigint [])
