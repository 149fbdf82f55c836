-- Credits and corrections that are not calls: welcome bonus, coupon, top-up, adjustment and their
-- like, in the order given. A known reference with the same amounts and note is 'repeated' and answers
-- the first entry; with others it is 'reference_conflict'. Promo may never become negative; paid may.
-- What an entry takes up of a reservation (p_released) is no longer set aside, in the same step.
-- A loop, for it is off the hot path and reads as the rule it is.
CREATE OR REPLACE FUNCTION post_entries(
    p_now timestamptz, p_floor bigint, p_account_id text [], p_kind text [], p_ref text [],
    p_promo_delta bigint [], p_paid_delta bigint [], p_occurred_at timestamptz [], p_note text [],
    p_released bigint [] DEFAULT NULL
) RETURNS TABLE (
    verdict text, seq bigint, promo_delta_nanos bigint, paid_delta_nanos bigint,
    promo_after_nanos bigint, paid_after_nanos bigint, reserved_after_nanos bigint,
    occurred_at timestamptz, recorded_at timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_account account;
    v_entry entry;
    v_before bigint;
    v_after bigint;
    v_event bigint;
    v_recorded_at timestamptz;
    v_released bigint;
    v_crosses_warning boolean;
    v_crosses_floor boolean;
BEGIN
    PERFORM 1 FROM account a WHERE a.account_id = ANY(p_account_id)
    ORDER BY a.account_id COLLATE "C" FOR NO KEY UPDATE;

    FOR item IN 1 .. cardinality(p_account_id) LOOP
        SELECT * INTO v_account FROM account a WHERE a.account_id = p_account_id[item];
        SELECT * INTO v_entry FROM entry e
        WHERE e.account_id = p_account_id[item] AND e.kind = p_kind[item] AND e.ref = p_ref[item];

        IF v_account.account_id IS NULL THEN
            verdict := 'account_unknown';
        ELSIF v_entry.seq IS NOT NULL THEN
            verdict := CASE
                WHEN (v_entry.promo_delta_nanos, v_entry.paid_delta_nanos, v_entry.note)
                    IS NOT DISTINCT FROM (p_promo_delta[item], p_paid_delta[item], p_note[item])
                THEN 'repeated' ELSE 'reference_conflict' END;
        ELSIF v_account.promo_nanos + p_promo_delta[item] < 0 THEN
            verdict := 'promo_insufficient';
        ELSIF greatest(abs(v_account.promo_nanos + p_promo_delta[item]), abs(v_account.paid_nanos + p_paid_delta[item]))
            > 100000000000000000 THEN -- $100 million, far from where bigint ends
            verdict := 'balance_too_large';
        ELSE
            verdict := 'posted';
            v_before := v_account.promo_nanos + v_account.paid_nanos - v_account.refund_reserved_nanos;
            v_released := coalesce(p_released[item], 0);
            v_after := v_before + p_promo_delta[item] + p_paid_delta[item] + v_released;
            v_crosses_warning := v_before >= v_account.warning_level_nanos AND v_after < v_account.warning_level_nanos;
            v_crosses_floor := v_before >= p_floor AND v_after < p_floor;

            v_recorded_at := recording_time(p_now, v_account.last_recorded_at);

            UPDATE account a SET promo_nanos = a.promo_nanos + p_promo_delta[item],
                paid_nanos = a.paid_nanos + p_paid_delta[item], entry_seq = a.entry_seq + 1,
                refund_reserved_nanos = a.refund_reserved_nanos - v_released,
                last_recorded_at = v_recorded_at,
                event_seq = a.event_seq + 1 + v_crosses_warning::integer + v_crosses_floor::integer
            WHERE a.account_id = p_account_id[item];

            INSERT INTO entry (account_id, seq, kind, ref, promo_delta_nanos, paid_delta_nanos,
                promo_after_nanos, paid_after_nanos, reserved_after_nanos, occurred_at, recorded_at, note)
            VALUES (p_account_id[item], v_account.entry_seq + 1, p_kind[item], p_ref[item], p_promo_delta[item],
                p_paid_delta[item], v_account.promo_nanos + p_promo_delta[item],
                v_account.paid_nanos + p_paid_delta[item], v_account.refund_reserved_nanos - v_released,
                p_occurred_at[item], v_recorded_at, p_note[item])
            RETURNING * INTO v_entry;

            IF v_entry.kind IN ('top_up', 'refund') THEN
                INSERT INTO document_due (account_id, entry_seq, recorded_at)
                VALUES (v_entry.account_id, v_entry.seq, v_recorded_at);
            END IF;

            v_event := v_account.event_seq + 1;
            INSERT INTO event (account_id, event_seq, recorded_at, kind, ref, entry_seq, available_nanos)
            VALUES (p_account_id[item], v_event, p_now, 'entry.posted', p_ref[item], v_entry.seq, v_after);
            IF v_crosses_warning THEN
                v_event := v_event + 1;
                INSERT INTO event (account_id, event_seq, recorded_at, kind, ref, entry_seq, available_nanos)
                VALUES (p_account_id[item], v_event, p_now, 'balance.below_warning', p_ref[item], v_entry.seq, v_after);
            END IF;
            IF v_crosses_floor THEN
                v_event := v_event + 1;
                INSERT INTO event (account_id, event_seq, recorded_at, kind, ref, entry_seq, available_nanos)
                VALUES (p_account_id[item], v_event, p_now, 'balance.below_floor', p_ref[item], v_entry.seq, v_after);
            END IF;

            INSERT INTO message (account_id, kind, ref, facts, created_at)
            SELECT v_entry.account_id, x.kind, v_entry.seq::text, x.facts, p_now
            FROM (
                VALUES ('below_warning', v_crosses_warning, crossing_facts(v_after, v_entry.promo_after_nanos,
                    v_entry.paid_after_nanos, v_account.warning_level_nanos, p_floor)),
                ('below_floor', v_crosses_floor, crossing_facts(v_after, v_entry.promo_after_nanos,
                    v_entry.paid_after_nanos, p_floor, p_floor)),
                (entry_told_as(v_entry), true,
                    entry_facts(v_entry) || jsonb_build_object('floor', usd(p_floor))
                    || balance_facts(v_after, v_entry.promo_after_nanos, v_entry.paid_after_nanos))
            ) AS x (kind, happened, facts)
            WHERE x.happened AND x.kind IS NOT NULL
            ON CONFLICT DO NOTHING;
        END IF;

        seq := v_entry.seq;
        promo_delta_nanos := v_entry.promo_delta_nanos;
        paid_delta_nanos := v_entry.paid_delta_nanos;
        promo_after_nanos := v_entry.promo_after_nanos;
        paid_after_nanos := v_entry.paid_after_nanos;
        reserved_after_nanos := v_entry.reserved_after_nanos;
        occurred_at := v_entry.occurred_at;
        recorded_at := v_entry.recorded_at;
        RETURN NEXT;
    END LOOP;
END $$;
