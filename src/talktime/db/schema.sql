-- What the database is. Migrations lead to exactly this (tests/db/test_migrations.py proves it).
--
-- Laws:
--   * Every primary key and unique constraint begins with account_id, except on the tables of the
--     platform itself (named at the end), so that the schema can be distributed by account.
--   * Money is bigint nano-dollars (10^-9 USD); such columns end in _nanos.
--   * Balances move only inside start_calls, report_usage, settle_calls and post_entries
--     (functions/), which lock the account row first. Order of locks: coupon or claim, account, call.
--   * entry is append-only: a trigger and the missing rights of talktime_app say so.

CREATE TABLE account (
    account_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    -- active <-> suspended
    status text NOT NULL DEFAULT 'active',
    verified boolean NOT NULL DEFAULT false,
    promo_nanos bigint NOT NULL DEFAULT 0,
    paid_nanos bigint NOT NULL DEFAULT 0,
    held_nanos bigint NOT NULL DEFAULT 0,
    refund_reserved_nanos bigint NOT NULL DEFAULT 0,
    entry_seq bigint NOT NULL DEFAULT 0,
    event_seq bigint NOT NULL DEFAULT 0,
    -- NULL: the platform's margin; otherwise parts per million added to provider cost
    margin_ppm integer,
    warning_level_nanos bigint NOT NULL DEFAULT 1000000000,
    time_zone text NOT NULL DEFAULT 'UTC',
    -- a changed time zone counts from the next month: until then months are those of the former one
    former_time_zone text,
    time_zone_since timestamptz,
    created_at timestamptz NOT NULL,
    -- of the account's last entry: its ledger never goes back in time, whichever process's clock is behind
    last_recorded_at timestamptz,
    -- how the pages and exports of this account show phone numbers
    number_mask text NOT NULL DEFAULT 'full',
    CONSTRAINT account_pk PRIMARY KEY (account_id),
    CONSTRAINT account_status_known CHECK (status IN ('active', 'suspended')),
    CONSTRAINT account_promo_never_negative CHECK (promo_nanos >= 0),
    CONSTRAINT account_held_never_negative CHECK (held_nanos >= 0),
    CONSTRAINT account_reserved_never_negative CHECK (refund_reserved_nanos >= 0),
    CONSTRAINT account_margin_sane CHECK (margin_ppm BETWEEN 0 AND 10000000),
    CONSTRAINT account_number_mask_known CHECK (number_mask IN ('full', 'last4', 'hidden'))
) WITH (fillfactor = 50);

CREATE TABLE call (
    account_id text COLLATE "C" NOT NULL,
    call_id text COLLATE "C" NOT NULL,
    -- the facts of the start, as sent; NULL is a value
    channel text NOT NULL,
    direction text,
    agent_id text,
    from_number text,
    to_number text,
    stated_started_at timestamptz,
    metadata json,
    -- our clock at admission, which picks the rate card; an imported call counts as admitted when it started
    admitted_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    margin_ppm integer NOT NULL,
    lease_ms integer NOT NULL,
    last_heard_at timestamptz NOT NULL,
    -- live -> ended; "silent" is a live call whose lease has lapsed, derived when read
    status text NOT NULL DEFAULT 'live',
    -- pending -> charged | free | unpriced; unpriced -> charged | free
    billing_status text NOT NULL DEFAULT 'pending',
    outcome text,
    free_reason text,
    -- caller: a platform key ended it; watchdog: silence did
    ended_by text,
    -- grows with every write; who decides in Python writes only if it still stands
    revision integer NOT NULL DEFAULT 1,
    initial_hold_nanos bigint NOT NULL,
    hold_nanos bigint NOT NULL,
    -- array of service lines as core.usage stores them: quantities, pinned prices, costs
    lines json NOT NULL DEFAULT '[]',
    -- over the priced lines; charge is NULL while some line has no price
    cost_nanos bigint NOT NULL DEFAULT 0,
    margin_nanos bigint NOT NULL DEFAULT 0,
    charge_nanos bigint DEFAULT 0,
    llm_nanos bigint NOT NULL DEFAULT 0,
    stt_nanos bigint NOT NULL DEFAULT 0,
    tts_nanos bigint NOT NULL DEFAULT 0,
    sip_nanos bigint NOT NULL DEFAULT 0,
    -- the facts of the end, as sent
    stated_ended_at timestamptz,
    stated_duration_ms bigint,
    end_reason text,
    ended_at timestamptz,
    duration_ms bigint,
    settled_at timestamptz,
    entry_seq bigint,
    promo_charged_nanos bigint,
    paid_charged_nanos bigint,
    -- what came after the end: recorded for the operator, never debited
    late_at timestamptz,
    late_outcome text,
    late_lines json,
    CONSTRAINT call_pk PRIMARY KEY (account_id, call_id),
    CONSTRAINT call_channel_known CHECK (channel IN ('phone', 'web', 'whatsapp', 'chat')),
    CONSTRAINT call_status_known CHECK (status IN ('live', 'ended')),
    CONSTRAINT call_billing_status_known CHECK (billing_status IN ('pending', 'charged', 'free', 'unpriced')),
    CONSTRAINT call_ended_is_billed CHECK ((status = 'live') = (billing_status = 'pending')),
    CONSTRAINT call_hold_never_negative CHECK (hold_nanos >= 0)
) WITH (fillfactor = 80);

CREATE INDEX call_by_time ON call (account_id, admitted_at DESC, call_id DESC);

-- The calls that run or wait for a price: few beside all there ever were. A table and not a partial
-- index on call: a call's row is then rewritten in place at its end, touching none of its indexes.
CREATE TABLE open_call (
    account_id text COLLATE "C" NOT NULL,
    call_id text COLLATE "C" NOT NULL,
    CONSTRAINT open_call_pk PRIMARY KEY (account_id, call_id)
);

CREATE TABLE entry (
    account_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    -- the business reference that makes a repeat the same entry: call id, coupon code, payment id
    ref text COLLATE "C" NOT NULL,
    promo_delta_nanos bigint NOT NULL,
    paid_delta_nanos bigint NOT NULL,
    promo_after_nanos bigint NOT NULL,
    paid_after_nanos bigint NOT NULL,
    -- refund_reserved at that moment, so that available_after can be told
    reserved_after_nanos bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    note text,
    CONSTRAINT entry_pk PRIMARY KEY (account_id, seq),
    CONSTRAINT entry_once_per_reference UNIQUE (account_id, kind, ref),
    CONSTRAINT entry_promo_never_negative CHECK (promo_after_nanos >= 0)
);

-- Entries that are no calls, few beside those that are: found by kind, and searched, without passing over calls.
CREATE INDEX entry_beside_calls ON entry (account_id, seq) WHERE kind <> 'call';

-- The outbox: what happened, told to SSE, webhooks and mail. One row per event, never per listener.
CREATE TABLE event (
    account_id text COLLATE "C" NOT NULL,
    event_seq bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    kind text NOT NULL,
    ref text NOT NULL,
    entry_seq bigint,
    available_nanos bigint NOT NULL,
    CONSTRAINT event_pk PRIMARY KEY (account_id, event_seq, recorded_at)
) PARTITION BY RANGE (recorded_at);

CREATE TABLE event_unplanned PARTITION OF event DEFAULT;

CREATE TABLE refusal (
    account_id text COLLATE "C" NOT NULL,
    event_seq bigint NOT NULL,
    call_id text NOT NULL,
    channel text NOT NULL,
    reason text NOT NULL,
    available_nanos bigint NOT NULL,
    held_nanos bigint NOT NULL,
    startable_nanos bigint NOT NULL,
    floor_nanos bigint NOT NULL,
    refused_at timestamptz NOT NULL,
    CONSTRAINT refusal_pk PRIMARY KEY (account_id, event_seq)
);

-- What calls were charged per account and quarter of an hour (UTC, by recorded time).
CREATE TABLE usage_rollup (
    account_id text COLLATE "C" NOT NULL,
    bucket_start timestamptz NOT NULL,
    calls bigint NOT NULL,
    llm_nanos bigint NOT NULL,
    stt_nanos bigint NOT NULL,
    tts_nanos bigint NOT NULL,
    sip_nanos bigint NOT NULL,
    margin_nanos bigint NOT NULL,
    charge_nanos bigint NOT NULL,
    CONSTRAINT usage_rollup_pk PRIMARY KEY (account_id, bucket_start)
) WITH (fillfactor = 70);

-- account_id '' holds the platform's own keys.
CREATE TABLE api_key (
    account_id text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    secret_sha256 bytea NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT api_key_pk PRIMARY KEY (account_id, key_id)
);

-- One-time links into the customer's pages, and the sessions they open; only hashes are kept.
CREATE TABLE portal_link (
    account_id text COLLATE "C" NOT NULL,
    secret_sha256 bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT portal_link_pk PRIMARY KEY (account_id, secret_sha256)
);

CREATE TABLE browser_session (
    account_id text COLLATE "C" NOT NULL,
    secret_sha256 bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT browser_session_pk PRIMARY KEY (account_id, secret_sha256)
);

-- Messages to people, written with what they tell of; the relay hands them on to the queue of jobs.
CREATE TABLE message (
    account_id text COLLATE "C" NOT NULL,
    -- made of what makes it this message and no other, so that a repeat finds it, whoever writes it
    message_id uuid GENERATED ALWAYS AS (
        md5(account_id || E'\x1f' || kind || E'\x1f' || ref || E'\x1f' || coalesce(recipient, ''))::uuid
    ) STORED,
    kind text NOT NULL,
    ref text COLLATE "C" NOT NULL,
    -- NULL: every member who chose this kind
    recipient text,
    facts jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    -- waiting -> expanded | deferred; deferred -> sent | dead; sent, dead -> deferred (sent again by an operator)
    state text NOT NULL DEFAULT 'waiting',
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    sent_at timestamptz,
    CONSTRAINT message_pk PRIMARY KEY (account_id, message_id),
    CONSTRAINT message_state_known CHECK (state IN ('waiting', 'expanded', 'deferred', 'sent', 'dead'))
);

CREATE INDEX message_waiting ON message (created_at) WHERE state = 'waiting';
CREATE INDEX message_by_time ON message (created_at);

-- Tables of the platform itself: one node, no account_id.

CREATE TABLE welcome_claim (
    address text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    claimed_at timestamptz NOT NULL,
    CONSTRAINT welcome_claim_pk PRIMARY KEY (address)
);

CREATE TABLE coupon (
    code text COLLATE "C" NOT NULL,
    amount_nanos bigint NOT NULL,
    max_redemptions bigint,
    redemptions bigint NOT NULL DEFAULT 0,
    starts_at timestamptz,
    ends_at timestamptz,
    note text,
    created_at timestamptz NOT NULL,
    CONSTRAINT coupon_pk PRIMARY KEY (code),
    CONSTRAINT coupon_amount_positive CHECK (amount_nanos > 0),
    CONSTRAINT coupon_never_over_redeemed CHECK (redemptions <= max_redemptions)
);

CREATE TABLE rate_card (
    version text COLLATE "C" NOT NULL,
    -- the reviewed document, as core.ratecard.parse_card reads it
    document json NOT NULL,
    loaded_at timestamptz NOT NULL,
    load_seq bigint NOT NULL,
    CONSTRAINT rate_card_pk PRIMARY KEY (version),
    CONSTRAINT rate_card_load_seq_once UNIQUE (load_seq)
);

-- One row: since when reports could reach us, so that our own outage never fails a call.
CREATE TABLE service_health (
    only_row boolean NOT NULL DEFAULT true,
    healthy_since timestamptz NOT NULL,
    beaten_at timestamptz NOT NULL,
    CONSTRAINT service_health_pk PRIMARY KEY (only_row),
    CONSTRAINT service_health_one_row CHECK (only_row)
);

-- One row: a digest of the migrations and functions this database has.
CREATE TABLE schema_stamp (
    only_row boolean NOT NULL DEFAULT true,
    digest text NOT NULL,
    CONSTRAINT schema_stamp_pk PRIMARY KEY (only_row),
    CONSTRAINT schema_stamp_one_row CHECK (only_row)
);

-- Attempts of each kind (wrong coupon codes, links asked for) by a hash of whom they are about.
CREATE TABLE guess_window (
    kind text COLLATE "C" NOT NULL,
    subject_sha256 bytea NOT NULL,
    began_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    CONSTRAINT guess_window_pk PRIMARY KEY (kind, subject_sha256)
);

CREATE FUNCTION refuse_change_of_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % of entry refused', tg_op USING ERRCODE = 'TT001';
END $$;

CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entry
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_entry();

GRANT USAGE ON SCHEMA public TO talktime_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO talktime_app;
GRANT INSERT ON entry, event TO talktime_app;
GRANT INSERT, UPDATE ON
    account, call, usage_rollup, api_key, welcome_claim, coupon, rate_card, service_health TO talktime_app;
GRANT INSERT, DELETE ON refusal, open_call TO talktime_app;
GRANT INSERT, UPDATE, DELETE ON portal_link, browser_session, guess_window TO talktime_app;
GRANT INSERT, UPDATE, DELETE ON message TO talktime_app;
