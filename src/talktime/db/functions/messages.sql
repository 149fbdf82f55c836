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
