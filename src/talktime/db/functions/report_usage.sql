-- Running totals, merged and rated by the caller from the revision it read: the lines, what they
-- have cost so far, and the hold that follows. Writes only where that revision still stands on a
-- live call; any other item answers 'stale' and changes nothing.
CREATE OR REPLACE FUNCTION report_usage(
    p_now timestamptz, p_account_id text [], p_call_id text [], p_revision integer [], p_lines text [],
    p_hold bigint [], p_cost bigint [], p_margin bigint [], p_charge bigint [],
    p_llm bigint [], p_stt bigint [], p_tts bigint [], p_sip bigint []
) RETURNS TABLE (item bigint, verdict text, available_nanos bigint, held_nanos bigint)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1 FROM account a WHERE a.account_id = ANY(p_account_id)
    ORDER BY a.account_id COLLATE "C" FOR NO KEY UPDATE;

    RETURN QUERY
    -- One narrow row per item: what is wide, the lines above all, is fetched by subscript where it is written.
    WITH judged AS MATERIALIZED (
        SELECT g.item, g.account_id, g.call_id, g.hold,
            coalesce(g.nth = 1 AND c.revision = g.revision AND c.status = 'live', false) AS stands,
            g.hold - c.hold_nanos AS hold_delta,
            a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos AS available, a.held_nanos AS held
        FROM (
            SELECT u.*,
                row_number() OVER (PARTITION BY u.account_id, u.call_id, u.revision ORDER BY u.item) AS nth
            FROM unnest(p_account_id, p_call_id, p_revision, p_hold)
                WITH ORDINALITY AS u (account_id, call_id, revision, hold, item)
        ) g
        LEFT JOIN account a ON a.account_id = g.account_id
        LEFT JOIN call c ON c.account_id = g.account_id AND c.call_id = g.call_id
    ), written AS (
        UPDATE call c SET lines = p_lines[j.item]::json, hold_nanos = j.hold, cost_nanos = p_cost[j.item],
            margin_nanos = p_margin[j.item], charge_nanos = p_charge[j.item], llm_nanos = p_llm[j.item],
            stt_nanos = p_stt[j.item], tts_nanos = p_tts[j.item], sip_nanos = p_sip[j.item],
            revision = c.revision + 1, last_heard_at = greatest(c.last_heard_at, p_now),
            first_reported_at = coalesce(c.first_reported_at, p_now)
        FROM judged j
        WHERE j.stands AND c.account_id = j.account_id AND c.call_id = j.call_id
    ), moved AS (
        UPDATE account a SET held_nanos = a.held_nanos + m.delta
        FROM (
            SELECT j.account_id, sum(j.hold_delta)::bigint AS delta
            FROM judged j WHERE j.stands GROUP BY j.account_id
        ) m
        WHERE a.account_id = m.account_id AND m.delta <> 0
    )
    SELECT j.item, CASE WHEN j.stands THEN 'taken' ELSE 'stale' END, j.available,
        (j.held + coalesce(sum(j.hold_delta) FILTER (WHERE j.stands)
            OVER (PARTITION BY j.account_id ORDER BY j.item), 0))::bigint
    FROM judged j ORDER BY j.item;
END $$;
