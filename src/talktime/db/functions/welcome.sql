-- The welcome bonus, once per account and once per address. The claim is taken before the account.
CREATE OR REPLACE FUNCTION grant_welcome(
    p_now timestamptz, p_floor bigint, p_account_id text, p_address text, p_bonus bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_holder text;
    v_verdict text;
BEGIN
    INSERT INTO welcome_claim AS w (address, account_id, claimed_at) VALUES (p_address, p_account_id, p_now)
    ON CONFLICT (address) DO UPDATE SET account_id = w.account_id
    RETURNING w.account_id INTO v_holder;
    IF v_holder <> p_account_id THEN
        RETURN 'address_already_welcomed';
    END IF;
    SELECT e.verdict INTO v_verdict FROM post_entries(p_now, p_floor, ARRAY[p_account_id],
        ARRAY['welcome_bonus'], ARRAY['welcome'], ARRAY[p_bonus], ARRAY[0::bigint], ARRAY[p_now],
        ARRAY[NULL::text]) e;
    RETURN v_verdict;
END $$;
