-- What was kept of an account's days, a row per day and channel; days that are not kept are absent.
SELECT d.item, s.channel, s.calls, s.charge_nanos, s.duration_ms, s.charges, s.durations,
    s.agents::text AS agents, s.dearest::text AS dearest, s.free::text AS free
FROM unnest(%(begins)s::timestamptz [], %(ends)s::timestamptz []) WITH ORDINALITY AS d (begins_at, ends_at, item)
JOIN spend_day s
    ON s.account_id = %(account_id)s AND s.begins_at = d.begins_at AND s.ends_at = d.ends_at
