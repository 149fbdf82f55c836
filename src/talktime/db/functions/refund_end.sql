-- How a refund stands, by its parts. Who asked for it is told of it once, when all of them have come to their end;
-- what a bank sends back after that is told by its own entry.
CREATE OR REPLACE FUNCTION stand_refund(p_now timestamptz, p_refund refund) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_status text;
BEGIN
    SELECT CASE
        WHEN bool_or(o.status IN ('reserved', 'pending')) THEN 'running'
        WHEN bool_and(o.status = 'succeeded') THEN 'succeeded'
        WHEN bool_or(o.status = 'succeeded') THEN 'partly'
        ELSE 'failed' END
    INTO v_status FROM refund_part o
    WHERE o.account_id = p_refund.account_id AND o.refund_id = p_refund.refund_id;
    IF v_status = p_refund.status THEN
        RETURN;
    END IF;
    UPDATE refund r SET status = v_status, ended_at = p_now
    WHERE r.account_id = p_refund.account_id AND r.refund_id = p_refund.refund_id;
    IF p_refund.status = 'running' THEN
        INSERT INTO message (account_id, kind, ref, facts, created_at)
        SELECT p_refund.account_id, 'refund_' || v_status, 'refund ' || p_refund.refund_id,
            refund_facts(p_refund) || balance_facts(
                a.promo_nanos + a.paid_nanos - a.refund_reserved_nanos, a.promo_nanos, a.paid_nanos
            ),
            p_now
        FROM account a WHERE a.account_id = p_refund.account_id
        ON CONFLICT DO NOTHING;
    END IF;
END $$;

-- What a message about the end of a refund says of it: what was asked for, what of it went and what did not, why not,
-- and, of several, each payment with what went back of it.
CREATE OR REPLACE FUNCTION refund_facts(p_refund refund) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('amount', usd(p_refund.amount_nanos), 'refund', p_refund.refund_id,
        'gone', usd(coalesce(sum(o.amount_nanos) FILTER (WHERE o.status = 'succeeded'), 0)::bigint),
        'stayed', usd(coalesce(sum(o.amount_nanos) FILTER (WHERE o.status = 'failed'), 0)::bigint),
        'reason', coalesce(
            string_agg(DISTINCT o.failure, '; ') FILTER (WHERE o.status = 'failed'), 'the bank gave no reason'
        ),
        'parts', CASE WHEN count(*) = 1 THEN '' ELSE coalesce(
            string_agg(o.payment_id || ' ' || usd(o.amount_nanos), ' ' ORDER BY o.part_id)
            FILTER (WHERE o.status = 'succeeded'), '')
        END)
    FROM refund_part o WHERE o.account_id = p_refund.account_id AND o.refund_id = p_refund.refund_id
$$;
