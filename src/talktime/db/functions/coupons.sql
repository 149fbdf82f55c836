-- Whether an account could redeem a coupon now, and if not, why: the first reason, in this order.
CREATE OR REPLACE FUNCTION judge_coupon_of(p_now timestamptz, p_account account, p_coupon coupon)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN p_coupon.only_account_id <> p_account.account_id THEN 'coupon_unknown'
        WHEN EXISTS (
            SELECT 1 FROM entry e
            WHERE e.account_id = p_account.account_id AND e.kind = 'coupon' AND e.ref = p_coupon.code
        ) THEN 'coupon_already_redeemed'
        WHEN p_coupon.ends_at <= p_now THEN 'coupon_expired'
        WHEN p_coupon.starts_at > p_now THEN 'coupon_not_yet_valid'
        WHEN p_now - p_account.created_at >= make_interval(hours => 24 * p_coupon.new_account_days)
            THEN 'coupon_new_accounts_only'
        WHEN p_coupon.redemptions >= p_coupon.max_redemptions THEN 'coupon_used_up'
        ELSE 'redeemable'
    END
$$;

-- A coupon turned into promo credit, once per account: the coupon's row is locked before the account,
-- the count of redemptions and the entry are one transaction.
CREATE OR REPLACE FUNCTION redeem_coupon(p_now timestamptz, p_floor bigint, p_account_id text, p_code text)
RETURNS TABLE (
    verdict text, seq bigint, promo_delta_nanos bigint, paid_delta_nanos bigint, promo_after_nanos bigint,
    paid_after_nanos bigint, reserved_after_nanos bigint, occurred_at timestamptz, recorded_at timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_coupon coupon;
    v_posted record;
BEGIN
    SELECT * INTO v_coupon FROM coupon c WHERE c.code = p_code FOR NO KEY UPDATE;
    verdict := judge_coupon(p_now, p_account_id, p_code);
    IF verdict = 'redeemable' THEN
        SELECT * INTO v_posted FROM post_entries(p_now, p_floor, ARRAY[p_account_id], ARRAY['coupon'],
            ARRAY[p_code], ARRAY[v_coupon.amount_nanos], ARRAY[0::bigint], ARRAY[p_now], ARRAY[NULL::text]);
        verdict := CASE v_posted.verdict WHEN 'posted' THEN 'redeemed' WHEN 'repeated' THEN 'coupon_already_redeemed'
            ELSE v_posted.verdict END;
        IF verdict = 'redeemed' THEN
            UPDATE coupon c SET redemptions = c.redemptions + 1 WHERE c.code = p_code;
            seq := v_posted.seq;
            promo_delta_nanos := v_posted.promo_delta_nanos;
            paid_delta_nanos := v_posted.paid_delta_nanos;
            promo_after_nanos := v_posted.promo_after_nanos;
            paid_after_nanos := v_posted.paid_after_nanos;
            reserved_after_nanos := v_posted.reserved_after_nanos;
            occurred_at := v_posted.occurred_at;
            recorded_at := v_posted.recorded_at;
        END IF;
    END IF;
    RETURN NEXT;
END $$;

-- Whether an account could redeem a code now; the first reason against it, in the documented order.
-- A coupon for another account is unknown. A code of which only the letter case is wrong is told
-- apart where the right one could be redeemed.
CREATE OR REPLACE FUNCTION judge_coupon(p_now timestamptz, p_account_id text, p_code text)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN a.account_id IS NULL THEN 'account_unknown'
        WHEN c.code IS NOT NULL THEN judge_coupon_of(p_now, a, c)
        WHEN EXISTS (
            SELECT 1 FROM coupon o
            WHERE lower(o.code) = lower(w.wanted COLLATE "C") AND judge_coupon_of(p_now, a, o) = 'redeemable'
        ) THEN 'coupon_wrong_case'
        ELSE 'coupon_unknown'
    END
    FROM (SELECT p_code AS wanted) w
    LEFT JOIN account a ON a.account_id = p_account_id
    LEFT JOIN coupon c ON c.code = w.wanted AND (c.only_account_id IS NULL OR c.only_account_id = p_account_id)
$$;
