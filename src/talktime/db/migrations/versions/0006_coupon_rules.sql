-- Whom a coupon is for, help with the letter case of a code, and who redeemed what; when a key was used.

ALTER TABLE coupon ADD COLUMN only_account_id text COLLATE "C";
ALTER TABLE coupon ADD COLUMN new_account_days integer;
ALTER TABLE coupon ADD CONSTRAINT coupon_new_account_days_positive CHECK (new_account_days > 0);

-- Not unique: codes differ by letter case alone, and this finds those that do.
CREATE INDEX coupon_by_letters ON coupon (lower(code));

-- Who redeemed a coupon; only its few entries are in it.
CREATE INDEX entry_by_coupon ON entry (ref, account_id) WHERE kind = 'coupon';

-- To within some minutes, so that an idle key can be told from one in use.
ALTER TABLE api_key ADD COLUMN last_used_at timestamptz;
