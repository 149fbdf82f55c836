-- Keeps what an account's days that are over came to; a day that was kept already is replaced.
INSERT INTO spend_day AS s (account_id, begins_at, ends_at, channel, calls, charge_nanos, duration_ms, charges,
    durations, agents, dearest, free)
SELECT %(account_id)s, u.begins_at, u.ends_at, u.channel, u.calls, u.charge_nanos, u.duration_ms, u.charges,
    u.durations, u.agents::json, u.dearest::json, u.free::json
FROM unnest(%(begins)s::timestamptz [], %(ends)s::timestamptz [], %(channel)s::text [], %(calls)b::bigint [],
    %(charge_nanos)b::bigint [], %(duration_ms)b::bigint [], %(charges)s::bytea [], %(durations)s::bytea [],
    %(agents)s::text [], %(dearest)s::text [], %(free)s::text [])
    AS u (begins_at, ends_at, channel, calls, charge_nanos, duration_ms, charges, durations, agents, dearest, free)
ON CONFLICT (account_id, begins_at, ends_at, channel) DO UPDATE SET calls = excluded.calls,
    charge_nanos = excluded.charge_nanos, duration_ms = excluded.duration_ms, charges = excluded.charges,
    durations = excluded.durations, agents = excluded.agents, dearest = excluded.dearest, free = excluded.free
