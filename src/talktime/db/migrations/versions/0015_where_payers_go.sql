-- Where the provider sends a payer back to: asked for again, its page is the same.
ALTER TABLE payment ADD COLUMN return_url text;

-- Payments of all accounts are listed page by page, newest first.
CREATE INDEX payment_of_all_by_time ON payment (created_at DESC, account_id DESC, payment_id DESC);

-- Auto-reload that no customer switched off says since when it is off, and for what.
ALTER TABLE auto_reload ADD COLUMN switched_off_at timestamptz, ADD COLUMN switched_off_by text;
ALTER TABLE auto_reload ADD CONSTRAINT auto_reload_switched_off_known CHECK (
    (switched_off_at IS NULL) = (switched_off_by IS NULL) AND switched_off_by IN ('refund', 'chargeback')
);
DROP FUNCTION IF EXISTS switch_off_reload(timestamptz, text);
