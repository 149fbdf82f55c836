-- The payments of an account that something is left of, newest first, each with what is left down to it.
CREATE OR REPLACE FUNCTION left_of_payments(p_account_id text, p_provider text)
RETURNS TABLE (payment_id text, intent_id text, nth bigint, left_nanos bigint, upto_nanos bigint)
LANGUAGE sql STABLE AS $$
    SELECT l.payment_id, l.intent_id, row_number() OVER w, l.left_nanos, (sum(l.left_nanos) OVER w)::bigint
    FROM (
        SELECT p.*, p.amount_nanos - p.refunded_nanos - p.reserved_nanos - p.disputed_nanos AS left_nanos
        FROM payment p
        WHERE p.account_id = p_account_id AND p.provider = p_provider AND p.status = 'succeeded'
            AND p.intent_id IS NOT NULL
    ) l
    WHERE l.left_nanos > 0
    WINDOW w AS (ORDER BY l.created_at DESC, l.payment_id DESC ROWS UNBOUNDED PRECEDING)
$$;

-- How much of an account's paid balance can go back to the cards it came from, in whole cents: what is paid and not
-- yet set aside, what running calls leave startable, and what is left of the payments, whichever is least. Promo
-- and adjustments came from no card.
CREATE OR REPLACE FUNCTION refundable(p_account_id text, p_provider text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT greatest(0, least(
        a.paid_nanos - a.refund_reserved_nanos,
        a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos - a.held_nanos,
        (
            SELECT coalesce(sum(l.left_nanos), 0)::bigint FROM left_of_payments(p_account_id, p_provider) l
        )
    )) / 10000000 * 10000000
    FROM account a WHERE a.account_id = p_account_id
$$;

-- A customer asks for money back; without an amount, for all that can go back. Nothing moves yet.
CREATE OR REPLACE FUNCTION ask_refund(
    p_now timestamptz, p_account_id text, p_refund_id text, p_provider text, p_amount bigint, p_reason text
) RETURNS TABLE (verdict text, refundable_nanos bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_account account;
    v_refund refund;
BEGIN
    SELECT * INTO v_account FROM account a WHERE a.account_id = p_account_id FOR NO KEY UPDATE;
    SELECT * INTO v_refund FROM refund r WHERE r.account_id = p_account_id AND r.refund_id = p_refund_id;
    refundable_nanos := refundable(p_account_id, p_provider);
    verdict := CASE
        WHEN v_account.account_id IS NULL THEN 'account_unknown'
        WHEN v_refund.refund_id IS NOT NULL
            AND (v_refund.amount_nanos, v_refund.reason) = (coalesce(p_amount, v_refund.amount_nanos), p_reason)
        THEN 'repeated'
        WHEN v_refund.refund_id IS NOT NULL THEN 'reference_conflict'
        WHEN EXISTS (
            SELECT FROM refund r WHERE r.account_id = p_account_id AND r.status IN ('asked', 'running')
        ) THEN 'refund_open'
        WHEN refundable_nanos = 0 OR p_amount > refundable_nanos THEN 'refund_too_much'
        ELSE 'asked'
    END;
    IF verdict = 'asked' THEN
        INSERT INTO refund (account_id, refund_id, provider, amount_nanos, reason, asked_at)
        VALUES (p_account_id, p_refund_id, p_provider, coalesce(p_amount, refundable_nanos), p_reason, p_now);
    END IF;
    RETURN NEXT;
END $$;

-- An operator lets a refund go: the money is set aside, per payment and newest first, for the provider to be asked
-- to send it. The available balance falls here and not when the money is gone, so here a crossing is told.
CREATE OR REPLACE FUNCTION approve_refund(p_now timestamptz, p_floor bigint, p_account_id text, p_refund_id text)
RETURNS TABLE (verdict text, refundable_nanos bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_account account;
    v_refund refund;
    v_before bigint;
    v_after bigint;
    v_crossings text [];
BEGIN
    SELECT * INTO v_account FROM account a WHERE a.account_id = p_account_id FOR NO KEY UPDATE;
    SELECT * INTO v_refund FROM refund r
    WHERE r.account_id = p_account_id AND r.refund_id = p_refund_id FOR NO KEY UPDATE;
    refundable_nanos := refundable(p_account_id, v_refund.provider);
    verdict := CASE
        WHEN v_refund.refund_id IS NULL THEN 'refund_unknown'
        WHEN v_refund.status = 'declined' THEN 'refund_decided'
        WHEN v_refund.status <> 'asked' THEN 'repeated'
        WHEN v_refund.amount_nanos > refundable_nanos THEN 'refund_too_much'
        ELSE 'approved'
    END;
    IF verdict = 'approved' THEN
        WITH part AS (
            INSERT INTO refund_part (account_id, part_id, payment_id, intent_id, refund_id, amount_nanos,
                reserved_nanos, status, created_at, due_at)
            SELECT p_account_id, p_refund_id || '-' || l.nth, l.payment_id, l.intent_id, p_refund_id, s.share_nanos,
                s.share_nanos, 'reserved', p_now, p_now
            FROM left_of_payments(p_account_id, v_refund.provider) l
            CROSS JOIN LATERAL (
                SELECT least(l.left_nanos, v_refund.amount_nanos - (l.upto_nanos - l.left_nanos)) AS share_nanos
            ) s
            WHERE s.share_nanos > 0
            RETURNING payment_id, amount_nanos
        )
        UPDATE payment p SET reserved_nanos = p.reserved_nanos + part.amount_nanos
        FROM part WHERE p.account_id = p_account_id AND p.payment_id = part.payment_id;

        UPDATE refund r SET status = 'running', decided_at = p_now
        WHERE r.account_id = p_account_id AND r.refund_id = p_refund_id;
        PERFORM switch_off_reload(p_now, p_account_id, 'refund');

        v_before := v_account.promo_nanos + v_account.paid_nanos - v_account.refund_reserved_nanos;
        v_after := v_before - v_refund.amount_nanos;
        v_crossings := array_remove(ARRAY[
            CASE WHEN v_before >= v_account.warning_level_nanos AND v_after < v_account.warning_level_nanos
                THEN 'below_warning' END,
            CASE WHEN v_before >= p_floor AND v_after < p_floor THEN 'below_floor' END
        ], NULL);
        UPDATE account a SET refund_reserved_nanos = a.refund_reserved_nanos + v_refund.amount_nanos,
            event_seq = a.event_seq + 1 + cardinality(v_crossings)
        WHERE a.account_id = p_account_id;
        INSERT INTO event (account_id, event_seq, recorded_at, kind, ref, available_nanos)
        SELECT p_account_id, v_account.event_seq + x.nth, p_now, x.kind, p_refund_id, v_after
        FROM (
            SELECT 1 AS nth, 'refund.reserved' AS kind
            UNION ALL
            SELECT 1 + c.nth, 'balance.' || c.kind FROM unnest(v_crossings) WITH ORDINALITY AS c (kind, nth)
        ) x;
        INSERT INTO message (account_id, kind, ref, facts, created_at)
        SELECT p_account_id, c.kind, 'refund ' || p_refund_id,
            crossing_facts(v_after, v_account.promo_nanos, v_account.paid_nanos,
                CASE c.kind WHEN 'below_floor' THEN p_floor ELSE v_account.warning_level_nanos END, p_floor),
            p_now
        FROM unnest(v_crossings) AS c (kind)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NEXT;
END $$;

-- What a provider says of money that it sent back, kept as the farthest that it said, and acted on. Found by the
-- provider's own id; by ours where it answers what we asked for; otherwise somebody began it at the provider.
CREATE OR REPLACE FUNCTION settle_refund(
    p_now timestamptz, p_floor bigint, p_account_id text, p_payment_id text, p_intent_id text, p_part_id text,
    p_provider_refund_id text, p_amount bigint, p_status text, p_failure text, p_due_at timestamptz
) RETURNS TABLE (verdict text, part_id text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_payment payment;
    v_part refund_part;
    v_ranks CONSTANT text [] := ARRAY['reserved', 'pending', 'succeeded', 'failed'];
BEGIN
    PERFORM 1 FROM account a WHERE a.account_id = p_account_id FOR NO KEY UPDATE;
    SELECT * INTO v_payment FROM payment p
    WHERE p.account_id = p_account_id AND p.payment_id = p_payment_id FOR NO KEY UPDATE;
    SELECT * INTO v_part FROM refund_part r
    WHERE r.account_id = p_account_id AND r.provider_refund_id = p_provider_refund_id;
    IF v_part.part_id IS NULL THEN
        SELECT * INTO v_part FROM refund_part r
        WHERE r.account_id = p_account_id AND r.part_id = p_part_id AND r.status = 'reserved'
            AND r.provider_refund_id IS NULL;
    END IF;
    verdict := CASE
        WHEN v_payment.payment_id IS NULL THEN 'payment_unknown'
        WHEN p_amount > v_payment.amount_nanos
            OR (v_part.part_id IS NOT NULL AND (v_part.payment_id, v_part.intent_id, v_part.amount_nanos)
                <> (p_payment_id, p_intent_id, p_amount))
        THEN 'amount_differs'
        ELSE 'settled'
    END;
    part_id := coalesce(v_part.part_id, p_provider_refund_id);
    IF verdict = 'settled' THEN
        IF v_part.part_id IS NULL THEN
            INSERT INTO refund_part (account_id, part_id, payment_id, intent_id, provider_refund_id, amount_nanos,
                reserved_nanos, status, created_at)
            VALUES (p_account_id, part_id, p_payment_id, p_intent_id, p_provider_refund_id, p_amount,
                0, p_status, p_now);
            v_part.status := p_status;
        END IF;
        IF array_position(v_ranks, p_status) > array_position(v_ranks, v_part.status) THEN
            v_part.status := p_status;
        END IF;
        UPDATE refund_part r SET status = v_part.status, provider_refund_id = p_provider_refund_id,
            failure = CASE v_part.status WHEN 'failed' THEN coalesce(p_failure, r.failure) END,
            due_at = CASE v_part.status WHEN 'pending' THEN p_due_at END
        WHERE r.account_id = p_account_id AND r.part_id = settle_refund.part_id;
        PERFORM take_back(p_now, p_floor, p_account_id, p_payment_id);
        verdict := settled_verdict(p_account_id, p_payment_id, p_intent_id);
    END IF;
    RETURN NEXT;
END $$;

-- How a word on money that went back of a payment was taken: settled; never_credited where the payment was credited
-- with other money than this; overdrawn where more went back than was ever paid, as the provider says, which is so
-- in the ledger then and for an operator to look at.
CREATE OR REPLACE FUNCTION settled_verdict(p_account_id text, p_payment_id text, p_intent_id text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN p.status = 'succeeded' AND p.intent_id <> p_intent_id THEN 'never_credited'
        WHEN p.refunded_nanos + p.disputed_nanos > p.amount_nanos THEN 'overdrawn'
        ELSE 'settled'
    END
    FROM payment p WHERE p.account_id = p_account_id AND p.payment_id = p_payment_id
$$;

-- The provider will not send a part back: what was set aside for it is free again. Nothing where it has sent it.
CREATE OR REPLACE FUNCTION give_up_refund_part(
    p_now timestamptz, p_floor bigint, p_account_id text, p_part_id text, p_failure text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_payment_id text;
BEGIN
    PERFORM 1 FROM account a WHERE a.account_id = p_account_id FOR NO KEY UPDATE;
    UPDATE refund_part r SET status = 'failed', failure = p_failure, due_at = NULL
    WHERE r.account_id = p_account_id AND r.part_id = p_part_id AND r.status = 'reserved'
        AND r.provider_refund_id IS NULL
    RETURNING r.payment_id INTO v_payment_id;
    IF v_payment_id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM take_back(p_now, p_floor, p_account_id, v_payment_id);
    RETURN true;
END $$;

-- What a provider says a bank took back of a payment, or gave again. Each is posted once; what is given again
-- waits until it is known what was taken. What is posted stands; what is not gives way to a later word. Of two words
-- on what was given again that do not agree, or one that says more than was taken, or none that says how much, none
-- is believed: the provider is asked, whose answer names both directions.
CREATE OR REPLACE FUNCTION settle_dispute(
    p_now timestamptz, p_floor bigint, p_account_id text, p_payment_id text, p_intent_id text, p_dispute_id text,
    p_withdrawn bigint, p_reinstated bigint, p_due_at timestamptz
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_payment payment;
    v_dispute dispute;
    v_withdrawn bigint;
    v_reinstated bigint;
    v_is_doubted boolean;
BEGIN
    PERFORM 1 FROM account a WHERE a.account_id = p_account_id FOR NO KEY UPDATE;
    SELECT * INTO v_payment FROM payment p
    WHERE p.account_id = p_account_id AND p.payment_id = p_payment_id FOR NO KEY UPDATE;
    SELECT * INTO v_dispute FROM dispute d
    WHERE d.account_id = p_account_id AND d.dispute_id = p_dispute_id FOR NO KEY UPDATE;
    v_withdrawn := coalesce(p_withdrawn, v_dispute.withdrawn_nanos);
    v_reinstated := coalesce(p_reinstated, v_dispute.reinstated_nanos);
    IF v_payment.payment_id IS NULL THEN
        RETURN 'payment_unknown';
    ELSIF greatest(p_withdrawn, p_reinstated) > v_payment.amount_nanos OR p_reinstated > v_withdrawn
        OR (v_dispute.entry_seq IS NOT NULL AND (v_dispute.payment_id, v_dispute.intent_id, v_dispute.withdrawn_nanos)
            <> (p_payment_id, p_intent_id, v_withdrawn))
        OR (v_dispute.reversal_seq IS NOT NULL AND v_dispute.reinstated_nanos <> v_reinstated) THEN
        RETURN 'amount_differs';
    END IF;
    v_is_doubted := coalesce(v_reinstated > v_withdrawn, false)
        OR (p_withdrawn IS NULL AND p_reinstated IS NULL AND v_dispute.reversal_seq IS NULL)
        OR (p_withdrawn IS NULL AND coalesce(v_dispute.reinstated_nanos <> p_reinstated, false));
    IF v_is_doubted THEN
        v_reinstated := NULL;
    END IF;
    INSERT INTO dispute AS d (account_id, dispute_id, payment_id, intent_id, withdrawn_nanos, reinstated_nanos,
        heard_at, due_at, doubted_at)
    VALUES (p_account_id, p_dispute_id, p_payment_id, p_intent_id, v_withdrawn, v_reinstated, p_now,
        CASE
            WHEN v_is_doubted THEN coalesce(v_dispute.due_at, p_now)
            WHEN v_withdrawn IS NULL THEN coalesce(v_dispute.due_at, p_due_at)
            WHEN v_reinstated IS NULL THEN v_dispute.due_at
        END,
        CASE
            WHEN v_is_doubted THEN coalesce(v_dispute.doubted_at, p_now)
            WHEN v_withdrawn IS NULL OR v_reinstated IS NULL THEN v_dispute.doubted_at
        END)
    ON CONFLICT ON CONSTRAINT dispute_pk DO UPDATE
    SET payment_id = excluded.payment_id, intent_id = excluded.intent_id, withdrawn_nanos = excluded.withdrawn_nanos,
        reinstated_nanos = excluded.reinstated_nanos, due_at = excluded.due_at, doubted_at = excluded.doubted_at;
    PERFORM take_back(p_now, p_floor, p_account_id, p_payment_id);
    RETURN CASE WHEN v_is_doubted THEN 'doubted'
        ELSE settled_verdict(p_account_id, p_payment_id, p_intent_id) END;
END $$;

-- Everything that is known of one payment's refunds and disputes and not yet in the ledger is posted to it, each
-- once. Only what concerns the money that was credited: what came besides (PaymentMismatch) was never the
-- customer's balance, and what is not credited yet waits for that. The account is locked by whoever calls.
CREATE OR REPLACE FUNCTION take_back(p_now timestamptz, p_floor bigint, p_account_id text, p_payment_id text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_payment payment;
    v_part refund_part;
    v_dispute dispute;
    v_seq bigint;
BEGIN
    SELECT * INTO v_payment FROM payment p
    WHERE p.account_id = p_account_id AND p.payment_id = p_payment_id AND p.status = 'succeeded';

    FOR v_part IN
        SELECT * FROM refund_part r
        WHERE r.account_id = p_account_id AND r.payment_id = p_payment_id AND r.intent_id = v_payment.intent_id
            AND r.status IN ('succeeded', 'failed')
        ORDER BY r.created_at, r.part_id
    LOOP
        IF v_part.status = 'succeeded' AND v_part.entry_seq IS NULL THEN
            v_seq := post_back(p_now, p_floor, p_account_id, 'refund', v_part.provider_refund_id,
                -v_part.amount_nanos, p_payment_id, v_part.reserved_nanos);
            UPDATE payment p SET refunded_nanos = p.refunded_nanos + v_part.amount_nanos,
                reserved_nanos = p.reserved_nanos - v_part.reserved_nanos
            WHERE p.account_id = p_account_id AND p.payment_id = p_payment_id;
            UPDATE refund_part r SET entry_seq = v_seq, reserved_nanos = 0
            WHERE r.account_id = p_account_id AND r.part_id = v_part.part_id;
        ELSIF v_part.status = 'failed' AND v_part.reserved_nanos > 0 THEN
            UPDATE payment p SET reserved_nanos = p.reserved_nanos - v_part.reserved_nanos
            WHERE p.account_id = p_account_id AND p.payment_id = p_payment_id;
            UPDATE refund_part r SET reserved_nanos = 0
            WHERE r.account_id = p_account_id AND r.part_id = v_part.part_id;
            WITH freed AS (
                UPDATE account a SET refund_reserved_nanos = a.refund_reserved_nanos - v_part.reserved_nanos,
                    event_seq = a.event_seq + 1
                WHERE a.account_id = p_account_id
                RETURNING a.event_seq, a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos AS available_nanos
            )
            INSERT INTO event (account_id, event_seq, recorded_at, kind, ref, available_nanos)
            SELECT p_account_id, f.event_seq, p_now, 'refund.released', v_part.refund_id, f.available_nanos
            FROM freed f;
        ELSIF v_part.status = 'failed' AND v_part.entry_seq IS NOT NULL AND v_part.reversal_seq IS NULL THEN
            v_seq := post_back(p_now, p_floor, p_account_id, 'refund_reversed', v_part.provider_refund_id,
                v_part.amount_nanos, p_payment_id, 0);
            UPDATE payment p SET refunded_nanos = p.refunded_nanos - v_part.amount_nanos
            WHERE p.account_id = p_account_id AND p.payment_id = p_payment_id;
            UPDATE refund_part r SET reversal_seq = v_seq
            WHERE r.account_id = p_account_id AND r.part_id = v_part.part_id;
        END IF;
    END LOOP;

    FOR v_dispute IN
        SELECT * FROM dispute d
        WHERE d.account_id = p_account_id AND d.payment_id = p_payment_id AND d.intent_id = v_payment.intent_id
            AND d.withdrawn_nanos IS NOT NULL
        ORDER BY d.heard_at, d.dispute_id
    LOOP
        IF v_dispute.entry_seq IS NULL THEN
            v_seq := post_back(p_now, p_floor, p_account_id, 'chargeback', v_dispute.dispute_id,
                -v_dispute.withdrawn_nanos, p_payment_id, 0);
            UPDATE payment p SET disputed_nanos = p.disputed_nanos + v_dispute.withdrawn_nanos
            WHERE p.account_id = p_account_id AND p.payment_id = p_payment_id;
            UPDATE dispute d SET entry_seq = v_seq
            WHERE d.account_id = p_account_id AND d.dispute_id = v_dispute.dispute_id;
        END IF;
        IF v_dispute.reinstated_nanos IS NOT NULL AND v_dispute.reversal_seq IS NULL THEN
            v_seq := post_back(p_now, p_floor, p_account_id, 'chargeback_reversed', v_dispute.dispute_id,
                v_dispute.reinstated_nanos, p_payment_id, 0);
            UPDATE payment p SET disputed_nanos = p.disputed_nanos - v_dispute.reinstated_nanos
            WHERE p.account_id = p_account_id AND p.payment_id = p_payment_id;
            UPDATE dispute d SET reversal_seq = v_seq
            WHERE d.account_id = p_account_id AND d.dispute_id = v_dispute.dispute_id;
        END IF;
    END LOOP;

    -- How the refunds stand whose parts these are.
    PERFORM stand_refund(p_now, r) FROM refund r
    WHERE r.account_id = p_account_id AND r.refund_id IN (
        SELECT t.refund_id FROM refund_part t WHERE t.account_id = p_account_id AND t.payment_id = p_payment_id
    );
END $$;

-- One entry of take_back on the paid balance; what it takes up of a reservation is released with it.
CREATE OR REPLACE FUNCTION post_back(
    p_now timestamptz, p_floor bigint, p_account_id text, p_kind text, p_ref text, p_delta bigint,
    p_payment_id text, p_released bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_posted record;
BEGIN
    SELECT * INTO v_posted FROM post_entries(p_now, p_floor, ARRAY[p_account_id], ARRAY[p_kind], ARRAY[p_ref],
        ARRAY[0::bigint], ARRAY[p_delta], ARRAY[p_now], ARRAY['Top-up ' || p_payment_id], ARRAY[p_released]);
    IF v_posted.verdict <> 'posted' THEN
        RAISE EXCEPTION 'account %: % % could not be posted: %', p_account_id, p_kind, p_ref, v_posted.verdict;
    END IF;
    IF p_kind IN ('refund', 'chargeback') THEN
        PERFORM switch_off_reload(p_now, p_account_id, p_kind);
    END IF;
    RETURN v_posted.seq;
END $$;
