-- The gate and the hold for a batch of new calls, in the order given.
--
-- Checks per item: account known, account not suspended, same id as an earlier start (same facts:
-- 'repeated'; other facts: 'call_id_conflict'), startable minus the holds admitted earlier in this
-- batch >= p_floor. Since a refused item takes nothing and the floor is one for the batch, the
-- admitted items of an account are a prefix of its new ones: a running sum decides them all.
CREATE OR REPLACE FUNCTION start_calls(
    p_now timestamptz, p_floor bigint, p_margin_ppm integer, p_lease_ms integer,
    p_account_id text [], p_call_id text [], p_channel text [], p_direction text [], p_agent_id text [],
    p_from text [], p_to text [], p_started_at timestamptz [], p_priced_at timestamptz [],
    p_metadata json [], p_hold bigint []
) RETURNS TABLE (
    item bigint, verdict text, status text, billing_status text, hold_nanos bigint, available_nanos bigint,
    held_nanos bigint, startable_nanos bigint, margin_ppm integer, revision integer,
    admitted_at timestamptz, lease_ms integer, time_zone text
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1 FROM account a WHERE a.account_id = ANY(p_account_id)
    ORDER BY a.account_id COLLATE "C" FOR NO KEY UPDATE;

    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT g.*,
            row(g.channel, g.direction, g.agent_id, g.from_number, g.to_number, g.started_at) AS facts,
            row_number() OVER (PARTITION BY g.account_id, g.call_id ORDER BY g.item) AS nth
        FROM unnest(p_account_id, p_call_id, p_channel, p_direction, p_agent_id, p_from, p_to,
            p_started_at, p_priced_at, p_metadata, p_hold) WITH ORDINALITY
            AS g (account_id, call_id, channel, direction, agent_id, from_number, to_number,
                started_at, priced_at, metadata, hold, item)
    ), judged AS MATERIALIZED (
        SELECT g.*, a.account_id IS NOT NULL AS known, a.status AS account_status, a.event_seq,
            a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos AS available, a.held_nanos AS held,
            coalesce(a.margin_ppm, p_margin_ppm) AS margin, a.time_zone,
            c.call_id IS NOT NULL AS started, c.status AS call_status, c.billing_status AS call_billing,
            c.hold_nanos AS call_hold, c.margin_ppm AS call_margin, c.revision AS call_revision,
            c.admitted_at AS call_admitted_at, c.lease_ms AS call_lease,
            CASE WHEN c.call_id IS NOT NULL
                THEN g.facts IS NOT DISTINCT FROM row(c.channel, c.direction, c.agent_id,
                    c.from_number, c.to_number, c.stated_started_at)
                ELSE g.facts IS NOT DISTINCT FROM first_value(g.facts) OVER same_call
            END AS same_facts,
            a.status = 'active' AND c.call_id IS NULL AND g.nth = 1 AS is_new
        FROM given g
        LEFT JOIN account a ON a.account_id = g.account_id
        LEFT JOIN call c ON c.account_id = g.account_id AND c.call_id = g.call_id
        WINDOW same_call AS (PARTITION BY g.account_id, g.call_id ORDER BY g.item)
    ), gated AS MATERIALIZED (
        SELECT j.*, j.is_new AND j.available - j.held - coalesce(sum(j.hold) FILTER (WHERE j.is_new)
            OVER (PARTITION BY j.account_id ORDER BY j.item
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) >= p_floor AS is_admitted
        FROM judged j
    ), counted AS MATERIALIZED (
        SELECT g.*,
            coalesce(sum(g.hold) FILTER (WHERE g.is_admitted) OVER upto, 0) AS held_here,
            bool_or(g.is_admitted) OVER (PARTITION BY g.account_id, g.call_id) AS admitted_here,
            count(*) FILTER (WHERE g.is_new) OVER upto AS event_nth
        FROM gated g
        WINDOW upto AS (PARTITION BY g.account_id ORDER BY g.item)
    ), opened AS (
        INSERT INTO call (account_id, call_id, channel, direction, agent_id, from_number, to_number,
            stated_started_at, metadata, admitted_at, started_at, priced_at, margin_ppm, lease_ms,
            last_heard_at, initial_hold_nanos, hold_nanos)
        SELECT n.account_id, n.call_id, n.channel, n.direction, n.agent_id, n.from_number, n.to_number,
            n.started_at, n.metadata, p_now, coalesce(n.started_at, p_now), n.priced_at, n.margin,
            p_lease_ms, p_now, n.hold, n.hold
        FROM counted n WHERE n.is_admitted
    ), moved AS (
        UPDATE account a SET held_nanos = a.held_nanos + m.hold, event_seq = a.event_seq + m.events
        FROM (
            SELECT n.account_id, coalesce(sum(n.hold) FILTER (WHERE n.is_admitted), 0)::bigint AS hold,
                count(*) AS events
            FROM counted n WHERE n.is_new GROUP BY n.account_id
        ) m
        WHERE a.account_id = m.account_id
    ), told AS (
        INSERT INTO event (account_id, event_seq, recorded_at, kind, ref, available_nanos)
        SELECT n.account_id, n.event_seq + n.event_nth, p_now,
            CASE WHEN n.is_admitted THEN 'call.started' ELSE 'call.refused' END, n.call_id, n.available
        FROM counted n WHERE n.is_new
    ), logged AS (
        INSERT INTO refusal (account_id, event_seq, call_id, channel, reason, available_nanos,
            held_nanos, startable_nanos, floor_nanos, refused_at)
        SELECT n.account_id, n.event_seq + n.event_nth, n.call_id, n.channel, 'insufficient_credits',
            n.available, n.held + n.held_here, n.available - n.held - n.held_here, p_floor, p_now
        FROM counted n WHERE n.is_new AND NOT n.is_admitted
    )
    SELECT n.item,
        CASE
            WHEN NOT n.known THEN 'account_unknown'
            WHEN n.account_status = 'suspended' THEN 'account_suspended'
            WHEN n.is_admitted THEN 'admitted'
            WHEN (n.started OR n.admitted_here) AND n.same_facts THEN 'repeated'
            WHEN n.started OR n.admitted_here THEN 'call_id_conflict'
            ELSE 'insufficient_credits'
        END,
        coalesce(n.call_status, 'live'), coalesce(n.call_billing, 'pending'), coalesce(n.call_hold, n.hold),
        n.available, (n.held + n.held_here)::bigint, (n.available - n.held - n.held_here)::bigint,
        coalesce(n.call_margin, n.margin), coalesce(n.call_revision, 1), coalesce(n.call_admitted_at, p_now),
        coalesce(n.call_lease, p_lease_ms), n.time_zone
    FROM counted n ORDER BY n.item;
END $$;
