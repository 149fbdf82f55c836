-- Saved cards, and auto-reload: a saved card charged when the balance runs low.

ALTER TABLE payment ADD COLUMN origin text NOT NULL DEFAULT 'checkout';
ALTER TABLE payment ADD COLUMN customer_id text;
ALTER TABLE payment ADD COLUMN card_id text;
ALTER TABLE payment ADD COLUMN needs_customer boolean NOT NULL DEFAULT false;
ALTER TABLE payment ADD CONSTRAINT payment_origin_known CHECK (origin IN ('checkout', 'auto_reload'));
ALTER TABLE payment ADD CONSTRAINT payment_reload_has_card CHECK (
    (origin = 'auto_reload') = (customer_id IS NOT NULL AND card_id IS NOT NULL)
);

CREATE UNIQUE INDEX payment_one_reload_in_flight ON payment (account_id)
WHERE origin = 'auto_reload' AND status IN ('opening', 'waiting');
CREATE INDEX payment_reloads ON payment (account_id, created_at) WHERE origin = 'auto_reload';

-- The card that an account lets us charge, at each provider, and the page on which one is being saved.
CREATE TABLE saved_card (
    account_id text COLLATE "C" NOT NULL,
    provider text NOT NULL,
    customer_id text,
    card_id text,
    brand text,
    last4 text,
    saved_at timestamptz,
    setup_id text,
    setup_checkout_id text,
    setup_url text,
    setup_at timestamptz,
    -- when the provider was last asked by us what came of it
    setup_checked_at timestamptz,
    CONSTRAINT saved_card_pk PRIMARY KEY (account_id, provider),
    CONSTRAINT saved_card_provider_known CHECK (provider IN ('stripe', 'sandbox')),
    CONSTRAINT saved_card_is_whole CHECK (num_nulls(card_id, brand, last4, saved_at) IN (0, 4)),
    CONSTRAINT saved_card_has_customer CHECK (card_id IS NULL OR customer_id IS NOT NULL),
    CONSTRAINT saved_card_setup_has_time CHECK ((setup_id IS NULL) = (setup_at IS NULL))
);

CREATE INDEX saved_card_setup ON saved_card (setup_at) WHERE setup_id IS NOT NULL;

-- What customers chose, and how their auto-reload stands.
CREATE TABLE auto_reload (
    account_id text COLLATE "C" NOT NULL,
    is_on boolean NOT NULL,
    threshold_nanos bigint NOT NULL,
    amount_nanos bigint NOT NULL,
    day_ceiling_nanos bigint NOT NULL,
    month_ceiling_nanos bigint NOT NULL,
    -- in a row
    failures integer NOT NULL DEFAULT 0,
    -- after too many of them; nothing is tried until the customer says so
    stopped_at timestamptz,
    attempted_at timestamptz,
    -- not worth looking at before
    look_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT auto_reload_pk PRIMARY KEY (account_id),
    CONSTRAINT auto_reload_amounts_sane CHECK (
        threshold_nanos > 0 AND amount_nanos > 0 AND day_ceiling_nanos >= amount_nanos
        AND month_ceiling_nanos >= day_ceiling_nanos
    ),
    CONSTRAINT auto_reload_failures_counted CHECK (failures >= 0)
);

CREATE INDEX auto_reload_watched ON auto_reload (look_at) WHERE is_on AND stopped_at IS NULL;

-- What came of looking: one row for as long as the answer was the same, the newest of them kept.
CREATE TABLE auto_reload_check (
    account_id text COLLATE "C" NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    reason text NOT NULL,
    startable_nanos bigint NOT NULL,
    threshold_nanos bigint NOT NULL,
    payment_id text COLLATE "C",
    CONSTRAINT auto_reload_check_pk PRIMARY KEY (account_id, first_at)
);

-- The sandbox's pages on which a card is saved; the card itself says how its bank behaves.
CREATE TABLE sandbox_setup (
    account_id text COLLATE "C" NOT NULL,
    checkout_id text COLLATE "C" NOT NULL,
    setup_id text NOT NULL,
    success_url text NOT NULL,
    cancel_url text NOT NULL,
    card_id text,
    created_at timestamptz NOT NULL,
    CONSTRAINT sandbox_setup_pk PRIMARY KEY (account_id, checkout_id),
    CONSTRAINT sandbox_setup_once UNIQUE (account_id, setup_id)
);

GRANT SELECT, INSERT, UPDATE ON saved_card, auto_reload, sandbox_setup TO talktime_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON auto_reload_check TO talktime_app;
