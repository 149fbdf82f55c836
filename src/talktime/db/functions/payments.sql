-- A payment whose money is there, credited to the paid balance exactly once, whoever says so and how often: the
-- account's row is locked first, then the payment's; the entry's reference is the payment. An amount other than
-- the one asked for is credited by nobody but an operator.
CREATE OR REPLACE FUNCTION credit_payment(
    p_now timestamptz, p_floor bigint, p_account_id text, p_payment_id text, p_intent_id text, p_amount bigint
) RETURNS TABLE (verdict text, entry_seq bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_payment payment;
    v_posted record;
BEGIN
    PERFORM 1 FROM account a WHERE a.account_id = p_account_id FOR NO KEY UPDATE;
    SELECT * INTO v_payment FROM payment p
    WHERE p.account_id = p_account_id AND p.payment_id = p_payment_id FOR NO KEY UPDATE;
    entry_seq := v_payment.entry_seq;
    IF v_payment.payment_id IS NULL THEN
        verdict := 'payment_unknown';
    ELSIF v_payment.status = 'succeeded' THEN
        verdict := CASE WHEN v_payment.intent_id IS DISTINCT FROM p_intent_id THEN 'paid_twice' ELSE 'repeated' END;
    ELSIF v_payment.amount_nanos <> p_amount THEN
        verdict := 'amount_differs';
    ELSE
        SELECT * INTO v_posted FROM post_entries(p_now, p_floor, ARRAY[p_account_id], ARRAY['top_up'],
            ARRAY[p_payment_id], ARRAY[0::bigint], ARRAY[p_amount], ARRAY[p_now],
            ARRAY[CASE WHEN v_payment.origin = 'auto_reload' THEN 'Auto-reload' END]);
        verdict := v_posted.verdict;
        IF verdict IN ('posted', 'repeated') THEN
            verdict := 'credited';
            entry_seq := v_posted.seq;
            UPDATE payment p SET status = 'succeeded', intent_id = p_intent_id, failure = NULL,
                settled_at = v_posted.recorded_at, entry_seq = v_posted.seq
            WHERE p.account_id = p_account_id AND p.payment_id = p_payment_id;
            IF v_payment.origin = 'auto_reload' THEN
                UPDATE auto_reload r SET failures = 0 WHERE r.account_id = p_account_id AND r.stopped_at IS NULL;
            END IF;
            -- What went back of it may have been told first.
            PERFORM take_back(p_now, p_floor, p_account_id, p_payment_id);
        END IF;
    END IF;
    RETURN NEXT;
END $$;
