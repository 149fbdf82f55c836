-- What the pages need to find quickly.

-- Entries that are no calls, few beside those that are: found by kind, and searched, without passing over calls.
CREATE INDEX entry_beside_calls ON entry (account_id, seq) WHERE kind <> 'call';

-- An account's ledger never goes back in time, whichever process's clock is behind: so a time finds its entry by
-- halving the sequence, and no index on time is kept.
ALTER TABLE account ADD COLUMN last_recorded_at timestamptz;
UPDATE account a SET last_recorded_at = e.recorded_at
FROM entry e WHERE e.account_id = a.account_id AND e.seq = a.entry_seq;

-- How the pages and exports of this account show phone numbers: full, last4 or hidden.
ALTER TABLE account ADD COLUMN number_mask text NOT NULL DEFAULT 'full';
ALTER TABLE account ADD CONSTRAINT account_number_mask_known CHECK (number_mask IN ('full', 'last4', 'hidden'));
