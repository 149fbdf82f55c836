-- An amount as it stands in facts and on the wire: US dollars, exact and shortest.
CREATE OR REPLACE FUNCTION usd(p_nanos bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT trim_scale(p_nanos * 0.000000001)::text
$$;

-- What a message about a balance says of it.
CREATE OR REPLACE FUNCTION balance_facts(p_available bigint, p_promo bigint, p_paid bigint) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('available', usd(p_available), 'promo', usd(p_promo), 'paid', usd(p_paid))
$$;

-- What a message about a crossing says: the balance after the entry that crossed, and what it crossed.
CREATE OR REPLACE FUNCTION crossing_facts(
    p_available bigint, p_promo bigint, p_paid bigint, p_threshold bigint, p_floor bigint
) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT balance_facts(p_available, p_promo, p_paid)
        || jsonb_build_object('threshold', usd(p_threshold), 'floor', usd(p_floor))
$$;

-- As which kind of message an entry is told to whoever chose it; NULL: it is not, crossings aside. A refund that was
-- asked for here is told of when all of it has come to its end, by stand_refund.
CREATE OR REPLACE FUNCTION entry_told_as(p_entry entry) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE p_entry.kind
        WHEN 'welcome_bonus' THEN 'welcome'
        WHEN 'coupon' THEN 'coupon_redeemed'
        WHEN 'top_up' THEN CASE WHEN EXISTS (
            SELECT FROM payment p WHERE p.account_id = p_entry.account_id AND p.payment_id = p_entry.ref
                AND p.origin = 'auto_reload'
        ) THEN 'auto_reload_done' ELSE 'top_up_succeeded' END
        WHEN 'refund' THEN CASE WHEN NOT EXISTS (
            SELECT FROM refund_part o WHERE o.account_id = p_entry.account_id AND o.provider_refund_id = p_entry.ref
                AND o.refund_id IS NOT NULL
        ) THEN 'refund_succeeded' END
        WHEN 'refund_reversed' THEN 'refund_reversed'
        WHEN 'chargeback' THEN 'chargeback'
        WHEN 'chargeback_reversed' THEN 'chargeback_reversed'
    END
$$;

-- What that message says of the entry itself.
CREATE OR REPLACE FUNCTION entry_facts(p_entry entry) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE p_entry.kind
        WHEN 'welcome_bonus' THEN jsonb_build_object('bonus', usd(p_entry.promo_delta_nanos))
        WHEN 'coupon' THEN jsonb_build_object('bonus', usd(p_entry.promo_delta_nanos), 'code', p_entry.ref)
        ELSE jsonb_build_object('amount', usd(abs(p_entry.paid_delta_nanos)))
            || CASE
                WHEN p_entry.kind = 'top_up' THEN jsonb_build_object('top_up_id', p_entry.ref)
                WHEN p_entry.kind IN ('refund', 'refund_reversed') THEN jsonb_build_object('refund', p_entry.ref)
                ELSE jsonb_build_object('dispute', p_entry.ref, 'top_up_id', (
                    SELECT d.payment_id FROM dispute d
                    WHERE d.account_id = p_entry.account_id AND d.dispute_id = p_entry.ref
                ))
            END
    END
$$;
