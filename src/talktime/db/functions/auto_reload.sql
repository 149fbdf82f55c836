-- Who wants money back, or whose bank took it back, is not charged again by ourselves: auto-reload stays off until
-- the customer switches it on.
CREATE OR REPLACE FUNCTION switch_off_reload(p_now timestamptz, p_account_id text, p_by text) RETURNS void
LANGUAGE sql AS $$
    UPDATE auto_reload r SET is_on = false, changed_at = p_now, switched_off_at = p_now, switched_off_by = p_by
    WHERE r.account_id = p_account_id AND r.is_on
$$;
