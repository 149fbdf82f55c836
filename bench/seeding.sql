-- A year of one account, written at once: what the money functions would have left behind after it, to the nano.
-- Reads two temporary tables: seed_plan (one row) and seed_shape (calls to be repeated, numbered from 0).

-- Everything that happened, in order. Calls come densest in the middle of days and of weeks.
CREATE TEMP TABLE seed_step AS
WITH happened AS (
    SELECT 3 * n AS place, n AS call_no, n AS at_no, abs(hashint8(n)) % p.shapes AS shape_no, 'call' AS kind,
        0::bigint AS promo_in, 0::bigint AS paid_in
    FROM seed_plan p, generate_series(1, p.calls) AS n
    UNION ALL
    SELECT 3 * (1 + (k - 1) * p.calls_per_top_up) - 1, NULL, 1 + (k - 1) * p.calls_per_top_up, NULL, 'top_up', 0, p.top_up_nanos
    FROM seed_plan p, generate_series(1, p.top_ups) AS k
    UNION ALL
    SELECT 3 * (k * p.calls / (p.coupons + 1)) + 1, NULL, k * p.calls / (p.coupons + 1), NULL, 'coupon', p.coupon_nanos, 0
    FROM seed_plan p, generate_series(1, p.coupons) AS k
), timed AS (
    SELECT h.*, p.begins_at + (p.ends_at - p.begins_at) * (h.at_no::double precision / (p.calls + 1)
        + 0.5 * sin(2 * pi() * p.weeks * h.at_no / (p.calls + 1)) / (2 * pi() * p.weeks)
        + 0.4 * sin(2 * pi() * p.days * h.at_no / (p.calls + 1)) / (2 * pi() * p.days)) AS at,
        CASE WHEN s.billing_status = 'charged' THEN s.charge_nanos ELSE 0 END AS due
    FROM happened h CROSS JOIN seed_plan p LEFT JOIN seed_shape s ON s.shape_no = h.shape_no
), summed AS (
    SELECT t.place, t.kind, t.call_no, t.shape_no, t.at, t.promo_in, t.paid_in, coalesce(t.due, 0) AS due,
        p.promo_nanos + sum(t.promo_in - coalesce(t.due, 0)) OVER upto AS free_walk,
        p.paid_nanos + sum(t.paid_in) OVER upto AS paid_in_upto,
        sum(coalesce(t.due, 0)) OVER upto AS due_upto, sum(t.promo_in) OVER upto AS promo_in_upto,
        count(*) FILTER (WHERE t.kind <> 'call' OR t.due > 0) OVER upto + p.entry_seq AS seq, p.promo_nanos AS promo_before
    FROM timed t CROSS JOIN seed_plan p
    WINDOW upto AS (ORDER BY t.place)
), split AS (
    -- Promo is spent to zero and no further: the walk of credits and charges, lifted by its lowest point so far.
    SELECT s.*, (s.free_walk - least(0, min(s.free_walk) OVER (ORDER BY s.place)))::bigint AS promo_after
    FROM summed s
)
SELECT s.place, s.kind, s.call_no, s.shape_no, date_trunc('milliseconds', s.at) AS at, s.due, s.seq::bigint AS seq,
    s.promo_after, (s.paid_in_upto - s.due_upto + s.promo_before + s.promo_in_upto - s.promo_after)::bigint AS paid_after,
    s.promo_after - coalesce(lag(s.promo_after) OVER (ORDER BY s.place), s.promo_before) AS promo_delta
FROM split s;

ALTER TABLE seed_step ADD COLUMN call_id text;
UPDATE seed_step SET call_id = 'CA' || lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
    || left(md5(place::text), 20) WHERE kind = 'call';
ANALYZE seed_step;

INSERT INTO entry (account_id, seq, kind, ref, promo_delta_nanos, paid_delta_nanos, promo_after_nanos, paid_after_nanos,
    reserved_after_nanos, occurred_at, recorded_at, note)
SELECT p.account_id, s.seq, s.kind,
    CASE s.kind WHEN 'call' THEN s.call_id WHEN 'coupon' THEN 'SEED-' || s.seq || '-' || left(md5(p.account_id), 12)
        ELSE 'pi_' || md5(p.account_id || s.seq) END,
    s.promo_delta,
    CASE s.kind WHEN 'call' THEN -s.due - s.promo_delta WHEN 'top_up' THEN p.top_up_nanos ELSE 0 END,
    s.promo_after, s.paid_after, 0, s.at, s.at, CASE WHEN s.kind = 'top_up' THEN 'Card ending in 4242' END
FROM seed_step s CROSS JOIN seed_plan p
WHERE s.kind <> 'call' OR s.due > 0
ORDER BY s.seq;

INSERT INTO coupon (code, amount_nanos, max_redemptions, redemptions, note, created_at)
SELECT e.ref, e.promo_delta_nanos, 1, 1, 'for a look at pages with many calls', p.begins_at
FROM seed_plan p JOIN entry e ON e.account_id = p.account_id AND e.kind = 'coupon';

INSERT INTO call (account_id, call_id, channel, direction, agent_id, from_number, to_number, admitted_at, started_at,
    margin_ppm, lease_ms, last_heard_at, status, billing_status, outcome, free_reason, ended_by, revision,
    initial_hold_nanos, hold_nanos, lines, cost_nanos, margin_nanos, charge_nanos, llm_nanos, stt_nanos, tts_nanos,
    sip_nanos, stated_duration_ms, end_reason, ended_at, duration_ms, settled_at, entry_seq, promo_charged_nanos,
    paid_charged_nanos, first_reported_at)
SELECT p.account_id, s.call_id, h.channel, h.direction, h.agent_id,
    CASE WHEN h.direction = 'inbound' THEN '+1555' || lpad((abs(hashint8(s.place)) % 10000000)::text, 7, '0')
        WHEN h.direction = 'outbound' THEN '+15550100' END,
    CASE WHEN h.direction = 'outbound' THEN '+1555' || lpad((abs(hashint8(s.place)) % 10000000)::text, 7, '0')
        WHEN h.direction = 'inbound' THEN '+15550100' END,
    s.at - h.duration_ms * interval '1 ms', s.at - h.duration_ms * interval '1 ms', h.margin_ppm, p.lease_ms, s.at,
    'ended', h.billing_status, h.outcome, h.free_reason, 'caller', 3, h.initial_hold_nanos, 0, h.lines::json,
    h.cost_nanos, h.margin_nanos, h.charge_nanos, h.llm_nanos, h.stt_nanos, h.tts_nanos, h.sip_nanos,
    h.duration_ms, h.end_reason, s.at, h.duration_ms, s.at, CASE WHEN s.due > 0 THEN s.seq END,
    CASE WHEN s.due > 0 THEN -s.promo_delta ELSE 0 END, CASE WHEN s.due > 0 THEN s.due + s.promo_delta ELSE 0 END,
    s.at - h.duration_ms * interval '0.9 ms'
FROM seed_step s JOIN seed_shape h ON h.shape_no = s.shape_no CROSS JOIN seed_plan p
WHERE s.call_no > p.calls - p.kept
ORDER BY s.place;

INSERT INTO usage_rollup (account_id, bucket_start, calls, llm_nanos, stt_nanos, tts_nanos, sip_nanos, margin_nanos, charge_nanos)
SELECT p.account_id, date_bin('15 minutes', s.at, timestamptz '2000-01-01 00:00:00+00') AS bucket, count(*),
    sum(h.llm_nanos), sum(h.stt_nanos), sum(h.tts_nanos), sum(h.sip_nanos), sum(h.margin_nanos), sum(h.charge_nanos)
FROM seed_step s JOIN seed_shape h ON h.shape_no = s.shape_no CROSS JOIN seed_plan p
WHERE s.due > 0
GROUP BY p.account_id, bucket;

-- The last day is what the outbox still tells; refused starts are kept for longer.
CREATE TEMP TABLE seed_event AS
SELECT row_number() OVER (ORDER BY n.at, n.place) + p.event_seq AS event_seq, n.*, p.account_id
FROM seed_plan p CROSS JOIN LATERAL (
    SELECT s.place, s.at, CASE WHEN s.kind = 'call' THEN 'call.settled' ELSE 'entry.posted' END AS kind,
        coalesce(s.call_id, s.kind || ' ' || s.seq) AS ref, CASE WHEN s.kind <> 'call' OR s.due > 0 THEN s.seq END AS entry_seq,
        s.promo_after + s.paid_after AS available
    FROM seed_step s WHERE s.at > p.ends_at - interval '24 hours'
    UNION ALL
    SELECT 3 * p.calls + 1 + k, p.ends_at - k * (p.ends_at - p.begins_at) / (12 * (p.refusals + 1)), 'call.refused',
        'refused-' || k, NULL, 50000000
    FROM generate_series(1, p.refusals) AS k
) n;

INSERT INTO refusal (account_id, event_seq, call_id, channel, reason, available_nanos, held_nanos, startable_nanos,
    floor_nanos, refused_at)
SELECT e.account_id, e.event_seq, e.ref, 'phone', 'insufficient_credits', e.available, 0, e.available, 100000000, e.at
FROM seed_event e WHERE e.kind = 'call.refused';

INSERT INTO event (account_id, event_seq, recorded_at, kind, ref, entry_seq, available_nanos)
SELECT e.account_id, e.event_seq, e.at, e.kind, e.ref, e.entry_seq, e.available FROM seed_event e
WHERE e.at > (SELECT p.ends_at - interval '24 hours' FROM seed_plan p);

UPDATE account a SET promo_nanos = l.promo_after, paid_nanos = l.paid_after, last_recorded_at = l.at,
    entry_seq = (SELECT max(s.seq) FROM seed_step s), event_seq = (SELECT coalesce(max(e.event_seq), p.event_seq) FROM seed_event e)
FROM seed_plan p, (SELECT s.promo_after, s.paid_after, s.at FROM seed_step s ORDER BY s.place DESC LIMIT 1) l
WHERE a.account_id = p.account_id;

DROP TABLE seed_plan, seed_shape, seed_step, seed_event;
