-- Payments by card, and the checkout pages of the sandbox.

CREATE TABLE payment (
    account_id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    provider text NOT NULL,
    -- opening -> waiting -> succeeded | failed | expired; whatever it was, money that came is credited -> succeeded
    status text NOT NULL DEFAULT 'opening',
    amount_nanos bigint NOT NULL,
    checkout_id text,
    checkout_url text,
    intent_id text,
    failure text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- when the provider was last asked by us
    checked_at timestamptz,
    settled_at timestamptz,
    entry_seq bigint,
    CONSTRAINT payment_pk PRIMARY KEY (account_id, payment_id),
    CONSTRAINT payment_provider_known CHECK (provider IN ('stripe', 'sandbox')),
    CONSTRAINT payment_status_known CHECK (status IN ('opening', 'waiting', 'succeeded', 'failed', 'expired')),
    CONSTRAINT payment_whole_cents CHECK (amount_nanos > 0 AND amount_nanos % 10000000 = 0),
    CONSTRAINT payment_credited_has_entry CHECK ((status = 'succeeded') = (entry_seq IS NOT NULL))
);

CREATE INDEX payment_open ON payment (created_at) WHERE status IN ('opening', 'waiting');
CREATE INDEX payment_by_time ON payment (account_id, created_at DESC);

-- What the sandbox knows of its checkout pages: a provider of its own, beside our books.
CREATE TABLE sandbox_checkout (
    account_id text COLLATE "C" NOT NULL,
    checkout_id text COLLATE "C" NOT NULL,
    payment_id text NOT NULL,
    amount_nanos bigint NOT NULL,
    success_url text NOT NULL,
    cancel_url text NOT NULL,
    -- open -> paid | expired
    status text NOT NULL DEFAULT 'open',
    created_at timestamptz NOT NULL,
    CONSTRAINT sandbox_checkout_pk PRIMARY KEY (account_id, checkout_id),
    CONSTRAINT sandbox_checkout_once UNIQUE (account_id, payment_id),
    CONSTRAINT sandbox_checkout_status_known CHECK (status IN ('open', 'paid', 'expired'))
);

GRANT SELECT, INSERT, UPDATE ON payment, sandbox_checkout TO talktime_app;
