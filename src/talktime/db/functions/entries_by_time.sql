-- When an entry is recorded: now, but not before the account's last one, so that a ledger runs forward though
-- the clocks of two processes differ. A clock that was more than an hour ahead is not followed, or the
-- account's months would be wrong until time has caught up; its entries of that hour are then not in order, and
-- what is found by time may miss some. The worker's loop "clock" cries out long before that.
CREATE OR REPLACE FUNCTION recording_time(p_now timestamptz, p_last timestamptz)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_last > p_now AND p_last - p_now <= interval '1 hour' THEN p_last ELSE p_now END
$$;

-- The first entry of an account recorded at a time or later: its number, or one more than the last. An
-- account's entries are recorded in the order of their numbers, so the sequence is halved until it is found.
CREATE OR REPLACE FUNCTION first_entry_since(p_account_id text, p_since timestamptz)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_low bigint := 1;
    v_high bigint;
    v_middle bigint;
BEGIN
    SELECT a.entry_seq + 1 INTO v_high FROM account a WHERE a.account_id = p_account_id;
    WHILE v_low < v_high LOOP
        v_middle := (v_low + v_high) / 2;
        IF (SELECT e.recorded_at < p_since FROM entry e WHERE e.account_id = p_account_id AND e.seq = v_middle) THEN
            v_low := v_middle + 1;
        ELSE
            v_high := v_middle;
        END IF;
    END LOOP;
    RETURN v_low;
END $$;
