-- Ends calls and settles them, in the order given: per call one entry (promo first, to the last nano,
-- then paid), the release of its hold, the crossings of floor and warning level, and the events.
--
-- Who calls has read the call, merged and rated it, and decided its billing status: 'charged' debits
-- p_charge; 'free' debits nothing; 'unpriced' ends the call, keeps its hold and waits for a price.
-- A decision is written only where the revision it was made from still stands on a call that is not
-- settled; any other item answers 'stale' and changes nothing.
CREATE OR REPLACE FUNCTION settle_calls(
    p_now timestamptz, p_floor bigint, p_account_id text [], p_call_id text [], p_revision integer [],
    p_billing_status text [], p_outcome text [], p_free_reason text [], p_ended_by text [],
    p_stated_ended_at timestamptz [], p_stated_duration_ms bigint [], p_reason text [],
    p_ended_at timestamptz [], p_duration_ms bigint [], p_lines text [],
    p_cost bigint [], p_margin bigint [], p_charge bigint [],
    p_llm bigint [], p_stt bigint [], p_tts bigint [], p_sip bigint []
) RETURNS TABLE (
    item bigint, verdict text, entry_seq bigint, promo_charged_nanos bigint, paid_charged_nanos bigint,
    promo_after_nanos bigint, paid_after_nanos bigint, hold_nanos bigint
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1 FROM account a WHERE a.account_id = ANY(p_account_id)
    ORDER BY a.account_id COLLATE "C" FOR NO KEY UPDATE;

    RETURN QUERY
    -- One narrow row per item: what is wide, the lines above all, is fetched by subscript where it is written.
    WITH told AS MATERIALIZED (
        SELECT s.*, s.stands AND s.due > 0 AS has_entry,
            s.last_event + sum(
                CASE WHEN s.stands THEN 1 + s.crosses_warning::integer + s.crosses_floor::integer ELSE 0 END
            ) OVER (PARTITION BY s.account_id ORDER BY s.item)
            - s.crosses_warning::integer - s.crosses_floor::integer AS event_seq
        FROM (
            SELECT r.item, r.account_id, r.call_id, r.stands, r.due, r.unpriced, r.old_hold, r.new_hold,
                r.reserved, r.recorded_at, r.warning_level, r.last_event, r.last_entry + r.entry_nth AS entry_seq,
                greatest(r.promo - r.due_upto, 0) AS promo_after,
                greatest(r.promo - r.due_upto + r.due, 0) - greatest(r.promo - r.due_upto, 0) AS promo_part,
                r.paid - greatest(r.due_upto - r.promo, 0) AS paid_after,
                r.available - r.due_upto AS available_after,
                r.stands AND r.available - r.due_upto + r.due >= p_floor
                    AND r.available - r.due_upto < p_floor AS crosses_floor,
                r.stands AND r.available - r.due_upto + r.due >= r.warning_level
                    AND r.available - r.due_upto < r.warning_level AS crosses_warning
            FROM (
                SELECT j.*,
                    -- due so far on this account, this item included
                    (sum(CASE WHEN j.stands THEN j.due ELSE 0 END) OVER upto)::bigint AS due_upto,
                    count(*) FILTER (WHERE j.stands AND j.due > 0) OVER upto AS entry_nth
                FROM (
                    SELECT g.item, g.account_id, g.call_id,
                        coalesce(g.nth = 1 AND c.revision = g.revision
                            AND c.billing_status IN ('pending', 'unpriced'), false) AS stands,
                        CASE WHEN g.billing_status = 'charged' THEN g.charge ELSE 0 END AS due,
                        g.billing_status = 'unpriced' AS unpriced, c.hold_nanos AS old_hold,
                        CASE WHEN g.billing_status = 'unpriced' THEN c.hold_nanos ELSE 0 END AS new_hold,
                        a.promo_nanos AS promo, a.paid_nanos AS paid, a.refund_reserved_nanos AS reserved,
                        a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos AS available,
                        a.entry_seq AS last_entry, a.event_seq AS last_event,
                        a.warning_level_nanos AS warning_level,
                        recording_time(p_now, a.last_recorded_at) AS recorded_at
                    FROM (
                        SELECT u.*,
                            row_number() OVER (PARTITION BY u.account_id, u.call_id, u.revision ORDER BY u.item) AS nth
                        FROM unnest(p_account_id, p_call_id, p_revision, p_billing_status, p_charge)
                            WITH ORDINALITY AS u (account_id, call_id, revision, billing_status, charge, item)
                    ) g
                    LEFT JOIN account a ON a.account_id = g.account_id
                    LEFT JOIN call c ON c.account_id = g.account_id AND c.call_id = g.call_id
                ) j
                WINDOW upto AS (PARTITION BY j.account_id ORDER BY j.item)
            ) r
        ) s
    ), entered AS (
        INSERT INTO entry (account_id, seq, kind, ref, promo_delta_nanos, paid_delta_nanos,
            promo_after_nanos, paid_after_nanos, reserved_after_nanos, occurred_at, recorded_at)
        SELECT t.account_id, t.entry_seq, 'call', t.call_id, -t.promo_part, t.promo_part - t.due,
            t.promo_after, t.paid_after, t.reserved, p_ended_at[t.item], t.recorded_at
        FROM told t WHERE t.has_entry
    ), closed AS (
        UPDATE call c SET status = 'ended', billing_status = p_billing_status[t.item],
            outcome = p_outcome[t.item], free_reason = p_free_reason[t.item], ended_by = p_ended_by[t.item],
            stated_ended_at = p_stated_ended_at[t.item], stated_duration_ms = p_stated_duration_ms[t.item],
            end_reason = p_reason[t.item], ended_at = p_ended_at[t.item], duration_ms = p_duration_ms[t.item],
            lines = p_lines[t.item]::json, cost_nanos = p_cost[t.item], margin_nanos = p_margin[t.item],
            charge_nanos = p_charge[t.item], llm_nanos = p_llm[t.item], stt_nanos = p_stt[t.item],
            tts_nanos = p_tts[t.item], sip_nanos = p_sip[t.item], hold_nanos = t.new_hold,
            revision = c.revision + 1, settled_at = CASE WHEN NOT t.unpriced THEN t.recorded_at END,
            entry_seq = CASE WHEN t.has_entry THEN t.entry_seq END,
            promo_charged_nanos = CASE WHEN NOT t.unpriced THEN t.promo_part END,
            paid_charged_nanos = CASE WHEN NOT t.unpriced THEN t.due - t.promo_part END
        FROM told t
        WHERE t.stands AND c.account_id = t.account_id AND c.call_id = t.call_id
    ), unlisted AS (
        DELETE FROM open_call o USING told t
        WHERE t.stands AND NOT t.unpriced AND o.account_id = t.account_id AND o.call_id = t.call_id
    ), moved AS (
        UPDATE account a SET promo_nanos = a.promo_nanos - m.promo, paid_nanos = a.paid_nanos - m.paid,
            held_nanos = a.held_nanos - m.released, entry_seq = a.entry_seq + m.entries,
            event_seq = m.event_seq, last_recorded_at = m.recorded_at
        FROM (
            SELECT t.account_id, min(t.recorded_at) AS recorded_at, sum(t.promo_part)::bigint AS promo, sum(t.due - t.promo_part)::bigint AS paid,
                sum(t.old_hold - t.new_hold)::bigint AS released, count(*) FILTER (WHERE t.has_entry) AS entries,
                max(t.event_seq + t.crosses_warning::integer + t.crosses_floor::integer) AS event_seq
            FROM told t WHERE t.stands GROUP BY t.account_id
        ) m
        WHERE a.account_id = m.account_id
    ), summed AS (
        INSERT INTO usage_rollup AS u (account_id, bucket_start, calls, llm_nanos, stt_nanos, tts_nanos,
            sip_nanos, margin_nanos, charge_nanos)
        SELECT t.account_id, date_bin('15 minutes', min(t.recorded_at), timestamptz '2000-01-01 00:00:00+00'), count(*),
            sum(p_llm[t.item]), sum(p_stt[t.item]), sum(p_tts[t.item]), sum(p_sip[t.item]),
            sum(p_margin[t.item]), sum(p_charge[t.item])
        FROM told t WHERE t.stands AND p_billing_status[t.item] = 'charged' GROUP BY t.account_id
        ON CONFLICT (account_id, bucket_start) DO UPDATE SET calls = u.calls + excluded.calls,
            llm_nanos = u.llm_nanos + excluded.llm_nanos, stt_nanos = u.stt_nanos + excluded.stt_nanos,
            tts_nanos = u.tts_nanos + excluded.tts_nanos, sip_nanos = u.sip_nanos + excluded.sip_nanos,
            margin_nanos = u.margin_nanos + excluded.margin_nanos,
            charge_nanos = u.charge_nanos + excluded.charge_nanos
    ), published AS (
        INSERT INTO event (account_id, event_seq, recorded_at, kind, ref, entry_seq, available_nanos)
        SELECT t.account_id, t.event_seq, p_now,
            CASE WHEN t.unpriced THEN 'call.price_pending' ELSE 'call.settled' END,
            t.call_id, CASE WHEN t.has_entry THEN t.entry_seq END, t.available_after
        FROM told t WHERE t.stands
        UNION ALL
        SELECT t.account_id, t.event_seq + 1, p_now, 'balance.below_warning', t.call_id,
            t.entry_seq, t.available_after
        FROM told t WHERE t.crosses_warning
        UNION ALL
        SELECT t.account_id, t.event_seq + 1 + t.crosses_warning::integer, p_now, 'balance.below_floor',
            t.call_id, t.entry_seq, t.available_after
        FROM told t WHERE t.crosses_floor
    ), crossed AS (
        INSERT INTO message (account_id, kind, ref, facts, created_at)
        SELECT t.account_id, x.kind, t.entry_seq::text,
            crossing_facts(t.available_after, t.promo_after, t.paid_after, x.threshold, p_floor), p_now
        FROM told t
        CROSS JOIN LATERAL (
            VALUES ('below_warning', t.warning_level, t.crosses_warning), ('below_floor', p_floor, t.crosses_floor)
        ) AS x (kind, threshold, crosses)
        WHERE (t.crosses_warning OR t.crosses_floor) AND x.crosses
        ON CONFLICT DO NOTHING
    )
    SELECT t.item, CASE WHEN t.stands THEN 'settled' ELSE 'stale' END,
        CASE WHEN t.has_entry THEN t.entry_seq END,
        t.promo_part, t.due - t.promo_part, t.promo_after, t.paid_after, t.new_hold
    FROM told t ORDER BY t.item;
END $$;
