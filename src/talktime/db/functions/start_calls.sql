-- The gate and the hold for a batch of new calls, in the order given.
--
-- Checks per item: account known, account not suspended, same id as an earlier start (same facts:
-- 'repeated'; other facts: 'call_id_conflict'), startable minus the holds admitted earlier in this
-- batch >= p_floor. Since a refused item takes nothing and the floor is one for the batch, the
-- admitted items of an account are a prefix of its new ones: a running sum decides them all, and an
-- id refused once in a batch is refused again.
CREATE OR REPLACE FUNCTION start_calls(
    p_now timestamptz, p_floor bigint, p_margin_ppm integer, p_lease_ms integer,
    p_account_id text [], p_call_id text [], p_channel text [], p_direction text [], p_agent_id text [],
    p_from text [], p_to text [], p_started_at timestamptz [], p_admitted_at timestamptz [],
    p_metadata text [], p_hold bigint []
) RETURNS TABLE (
    item bigint, verdict text, status text, billing_status text, hold_nanos bigint, available_nanos bigint,
    held_nanos bigint, startable_nanos bigint, margin_ppm integer, revision integer,
    admitted_at timestamptz, lease_ms integer
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1 FROM account a WHERE a.account_id = ANY(p_account_id)
    ORDER BY a.account_id COLLATE "C" FOR NO KEY UPDATE;

    RETURN QUERY
    -- One narrow row per item: the facts are fetched by subscript where they are compared or written.
    WITH told AS MATERIALIZED (
        SELECT s.*, s.held + s.held_here AS held_after,
            count(*) FILTER (WHERE s.is_admitted OR s.is_refused)
                OVER (PARTITION BY s.account_id ORDER BY s.item) + s.last_event AS event_seq
        FROM (
            SELECT r.*, coalesce(sum(r.hold) FILTER (WHERE r.is_admitted) OVER upto, 0)::bigint AS held_here,
                bool_or(r.is_admitted) OVER same_call AS admitted_here,
                r.is_new AND NOT bool_or(r.is_admitted) OVER same_call AS is_refused
            FROM (
                SELECT j.*, j.is_new AND j.item = j.first_item AND j.available - j.held
                    - coalesce(sum(j.hold) FILTER (WHERE j.is_new AND j.item = j.first_item)
                        OVER (PARTITION BY j.account_id ORDER BY j.item
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) >= p_floor AS is_admitted
                FROM (
                    SELECT g.item, g.account_id, g.call_id, g.hold, g.first_item, a.status AS account_status,
                        a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos AS available,
                        a.held_nanos AS held, a.event_seq AS last_event,
                        coalesce(a.margin_ppm, p_margin_ppm) AS margin,
                        a.status = 'active' AND c.call_id IS NULL AS is_new,
                        c.call_id IS NOT NULL AS started, c.status AS call_status,
                        c.billing_status AS call_billing, c.hold_nanos AS call_hold, c.margin_ppm AS call_margin,
                        c.revision AS call_revision, c.admitted_at AS call_admitted_at, c.lease_ms AS call_lease,
                        -- as the call's earlier start, or as its first start in this batch
                        CASE WHEN c.call_id IS NOT NULL THEN
                            (p_channel[g.item], p_direction[g.item], p_agent_id[g.item], p_from[g.item],
                                p_to[g.item], p_started_at[g.item]) IS NOT DISTINCT FROM
                            (c.channel, c.direction, c.agent_id, c.from_number, c.to_number, c.stated_started_at)
                        ELSE g.item = g.first_item OR
                            (p_channel[g.item], p_direction[g.item], p_agent_id[g.item], p_from[g.item],
                                p_to[g.item], p_started_at[g.item]) IS NOT DISTINCT FROM
                            (p_channel[g.first_item], p_direction[g.first_item], p_agent_id[g.first_item],
                                p_from[g.first_item], p_to[g.first_item], p_started_at[g.first_item])
                        END AS same_facts
                    FROM (
                        SELECT u.*, min(u.item) OVER (PARTITION BY u.account_id, u.call_id) AS first_item
                        FROM unnest(p_account_id, p_call_id, p_hold)
                            WITH ORDINALITY AS u (account_id, call_id, hold, item)
                    ) g
                    LEFT JOIN account a ON a.account_id = g.account_id
                    LEFT JOIN call c ON c.account_id = g.account_id AND c.call_id = g.call_id
                ) j
            ) r
            WINDOW upto AS (PARTITION BY r.account_id ORDER BY r.item),
                same_call AS (PARTITION BY r.account_id, r.call_id)
        ) s
    ), opened AS (
        INSERT INTO call (account_id, call_id, channel, direction, agent_id, from_number, to_number,
            stated_started_at, metadata, admitted_at, started_at, margin_ppm, lease_ms,
            last_heard_at, initial_hold_nanos, hold_nanos, lines)
        SELECT t.account_id, t.call_id, p_channel[t.item], p_direction[t.item], p_agent_id[t.item],
            p_from[t.item], p_to[t.item], p_started_at[t.item], p_metadata[t.item]::json, p_admitted_at[t.item],
            coalesce(p_started_at[t.item], p_now), t.margin, p_lease_ms, p_now, t.hold, t.hold,
            -- Blanks keep the room on the page where the reported lines, so long for four services, are
            -- then written in place.
            rpad('[]', 1200)::json
        FROM told t WHERE t.is_admitted
    ), listed AS (
        INSERT INTO open_call (account_id, call_id) SELECT t.account_id, t.call_id FROM told t WHERE t.is_admitted
    ), moved AS (
        UPDATE account a SET held_nanos = a.held_nanos + m.hold, event_seq = m.event_seq
        FROM (
            SELECT t.account_id, coalesce(sum(t.hold) FILTER (WHERE t.is_admitted), 0)::bigint AS hold,
                max(t.event_seq) AS event_seq
            FROM told t WHERE t.is_new GROUP BY t.account_id
        ) m
        WHERE a.account_id = m.account_id
    ), published AS (
        INSERT INTO event (account_id, event_seq, recorded_at, kind, ref, available_nanos)
        SELECT t.account_id, t.event_seq, p_now,
            CASE WHEN t.is_admitted THEN 'call.started' ELSE 'call.refused' END, t.call_id, t.available
        FROM told t WHERE t.is_admitted OR t.is_refused
    ), logged AS (
        INSERT INTO refusal (account_id, event_seq, call_id, channel, reason, available_nanos,
            held_nanos, startable_nanos, floor_nanos, refused_at)
        SELECT t.account_id, t.event_seq, t.call_id, p_channel[t.item], 'insufficient_credits',
            t.available, t.held_after, t.available - t.held_after, p_floor, p_now
        FROM told t WHERE t.is_refused
    )
    SELECT t.item,
        CASE
            WHEN t.account_status IS NULL THEN 'account_unknown'
            WHEN t.account_status = 'suspended' THEN 'account_suspended'
            WHEN t.is_admitted THEN 'admitted'
            WHEN t.is_refused THEN 'insufficient_credits'
            WHEN t.same_facts THEN 'repeated'
            ELSE 'call_id_conflict'
        END,
        coalesce(t.call_status, 'live'), coalesce(t.call_billing, 'pending'), coalesce(t.call_hold, t.hold),
        t.available, t.held_after, t.available - t.held_after,
        coalesce(t.call_margin, t.margin), coalesce(t.call_revision, 1), coalesce(t.call_admitted_at, p_admitted_at[t.item]),
        coalesce(t.call_lease, p_lease_ms)
    FROM told t ORDER BY t.item;
END $$;
