-- What the database is. Migrations lead to exactly this (tests/db/test_migrations.py proves it).
--
-- Laws:
--   * Every primary key and unique constraint begins with account_id, except on the tables of the
--     platform itself (named at the end), so that the schema can be distributed by account.
--   * Money is bigint nano-dollars (10^-9 USD); such columns end in _nanos.
--   * Balances move only inside start_calls, report_usage, settle_calls and post_entries, and what is set
--     aside for refunds inside approve_refund and take_back too (functions/), which lock the account row
--     first. Order of locks: coupon or claim, account, payment, refund or dispute, call.
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
    -- when the first usage report came; NULL where none did, or was not kept yet
    first_reported_at timestamptz,
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

-- Who redeemed a coupon; only its few entries are in it.
CREATE INDEX entry_by_coupon ON entry (ref, account_id) WHERE kind = 'coupon';

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

-- A summary per stretch of pages, made once it is full: an insert into the outbox does nothing for it.
CREATE INDEX event_by_time ON event USING brin (recorded_at) WITH (pages_per_range = 32, autosummarize = on);

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

-- What the calls settled on a day that is over came to, by channel; kept for busy accounts, whose calls of
-- months are too many to be looked through for each page. Every channel has its row, so that a day without
-- rows is one that was not added up.
CREATE TABLE spend_day (
    account_id text COLLATE "C" NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    channel text NOT NULL,
    -- of the charged calls
    calls bigint NOT NULL,
    charge_nanos bigint NOT NULL,
    duration_ms bigint NOT NULL,
    -- of each charged call, ascending: eight bytes, the highest first
    charges bytea NOT NULL,
    durations bytea NOT NULL,
    -- [[agent or null, calls, charge in nanos, duration in ms], ...]
    agents json NOT NULL,
    -- [[call, charge in nanos], ...]: the ten charged most
    dearest json NOT NULL,
    -- {reason: calls}
    free json NOT NULL,
    CONSTRAINT spend_day_pk PRIMARY KEY (account_id, begins_at, ends_at, channel)
);

-- account_id '' holds the platform's own keys.
CREATE TABLE api_key (
    account_id text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    secret_sha256 bytea NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    -- to within some minutes, so that an idle key can be told from one in use
    last_used_at timestamptz,
    CONSTRAINT api_key_pk PRIMARY KEY (account_id, key_id)
);

-- Who may see and act on an account, known by e-mail address in the form of core.address.sign_in_address.
CREATE TABLE member (
    account_id text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    role text NOT NULL,
    -- which mail this member chose
    mail text[] NOT NULL,
    added_at timestamptz NOT NULL,
    CONSTRAINT member_pk PRIMARY KEY (account_id, address),
    CONSTRAINT member_role_known CHECK (role IN ('owner', 'billing', 'viewer'))
);

-- Which accounts a person may choose from.
CREATE INDEX member_by_address ON member (address);
-- Whose weekly summary may be due.
CREATE INDEX member_weekly ON member (account_id, address) WHERE 'weekly' = ANY(mail);

-- One-time links into the customer's pages, and the sessions they open; only hashes are kept.
CREATE TABLE portal_link (
    account_id text COLLATE "C" NOT NULL,
    secret_sha256 bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    -- of the session it opens
    role text NOT NULL,
    -- the origin that may frame the pages of that session; NULL: none may
    frame_origin text,
    CONSTRAINT portal_link_pk PRIMARY KEY (account_id, secret_sha256),
    CONSTRAINT portal_link_role_known CHECK (role IN ('owner', 'billing', 'viewer'))
);

CREATE TABLE browser_session (
    account_id text COLLATE "C" NOT NULL,
    secret_sha256 bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- how it is named in lists and revoked; no secret
    session_id text COLLATE "C" NOT NULL,
    -- the person; NULL where the platform's link opened it
    address text COLLATE "C",
    -- of a session that a link opened; a person's role is the member's
    role text,
    user_agent text NOT NULL,
    last_seen_at timestamptz NOT NULL,
    framed_by text,
    CONSTRAINT browser_session_pk PRIMARY KEY (account_id, secret_sha256),
    CONSTRAINT browser_session_named_once UNIQUE (account_id, session_id),
    CONSTRAINT browser_session_person_or_role CHECK (num_nulls(address, role) = 1),
    CONSTRAINT browser_session_role_known CHECK (role IN ('owner', 'billing', 'viewer'))
);

-- Where a person is signed in, on all accounts.
CREATE INDEX browser_session_by_person ON browser_session (address);

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
CREATE INDEX message_undelivered ON message (created_at) WHERE state IN ('deferred', 'dead');
CREATE INDEX message_by_time ON message (created_at);

-- Payments by card.

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
    -- what went back to the card, what is set aside to go back, and what a bank took back
    refunded_nanos bigint NOT NULL DEFAULT 0,
    reserved_nanos bigint NOT NULL DEFAULT 0,
    disputed_nanos bigint NOT NULL DEFAULT 0,
    -- checkout: the customer pays on a page; auto_reload: a saved card is charged
    origin text NOT NULL DEFAULT 'checkout',
    -- whose card, and which, as the provider names them
    customer_id text,
    card_id text,
    -- the bank wants to hear the customer, who is asked to pay on a page after all
    needs_customer boolean NOT NULL DEFAULT false,
    -- where the provider sends the payer back to
    return_url text,
    CONSTRAINT payment_pk PRIMARY KEY (account_id, payment_id),
    CONSTRAINT payment_provider_known CHECK (provider IN ('stripe', 'sandbox')),
    CONSTRAINT payment_status_known CHECK (status IN ('opening', 'waiting', 'succeeded', 'failed', 'expired')),
    CONSTRAINT payment_whole_cents CHECK (amount_nanos > 0 AND amount_nanos % 10000000 = 0),
    CONSTRAINT payment_credited_has_entry CHECK ((status = 'succeeded') = (entry_seq IS NOT NULL)),
    CONSTRAINT payment_gone_back_never_negative CHECK (
        refunded_nanos >= 0 AND reserved_nanos >= 0 AND disputed_nanos >= 0
    ),
    CONSTRAINT payment_origin_known CHECK (origin IN ('checkout', 'auto_reload')),
    CONSTRAINT payment_reload_has_card CHECK (
        (origin = 'auto_reload') = (customer_id IS NOT NULL AND card_id IS NOT NULL)
    )
);

CREATE INDEX payment_open ON payment (created_at) WHERE status IN ('opening', 'waiting');
CREATE INDEX payment_by_time ON payment (account_id, created_at DESC);
CREATE INDEX payment_of_all_by_time ON payment (created_at DESC, account_id DESC, payment_id DESC);
CREATE UNIQUE INDEX payment_one_reload_in_flight ON payment (account_id)
WHERE origin = 'auto_reload' AND status IN ('opening', 'waiting');
CREATE INDEX payment_reloads ON payment (account_id, created_at) WHERE origin = 'auto_reload';

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

-- Saved cards and auto-reload.

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
    -- the last day on which the card is good; NULL where its provider did not say
    expires_on date,
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
    -- since when it is off by what happened, and not by the customer's choice
    switched_off_at timestamptz,
    switched_off_by text,
    CONSTRAINT auto_reload_pk PRIMARY KEY (account_id),
    CONSTRAINT auto_reload_amounts_sane CHECK (
        threshold_nanos > 0 AND amount_nanos > 0 AND day_ceiling_nanos >= amount_nanos
        AND month_ceiling_nanos >= day_ceiling_nanos
    ),
    CONSTRAINT auto_reload_failures_counted CHECK (failures >= 0),
    CONSTRAINT auto_reload_switched_off_known CHECK (
        (switched_off_at IS NULL) = (switched_off_by IS NULL) AND switched_off_by IN ('refund', 'chargeback')
    )
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

-- Refunds and disputes.

-- What customers asked back of their paid balance; an operator decides.
CREATE TABLE refund (
    account_id text COLLATE "C" NOT NULL,
    refund_id text COLLATE "C" NOT NULL,
    -- who collected the payments that it goes back to
    provider text NOT NULL,
    amount_nanos bigint NOT NULL,
    -- asked -> running | declined; running -> succeeded | partly | failed;
    -- succeeded -> partly | failed and partly -> failed where a bank sends money back
    status text NOT NULL DEFAULT 'asked',
    -- the customer's words
    reason text NOT NULL,
    -- the operator's words, where it was declined
    answer text,
    asked_at timestamptz NOT NULL,
    decided_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT refund_pk PRIMARY KEY (account_id, refund_id),
    CONSTRAINT refund_provider_known CHECK (provider IN ('stripe', 'sandbox')),
    CONSTRAINT refund_status_known CHECK (
        status IN ('asked', 'declined', 'running', 'succeeded', 'partly', 'failed')
    ),
    CONSTRAINT refund_whole_cents CHECK (amount_nanos > 0 AND amount_nanos % 10000000 = 0),
    CONSTRAINT refund_decided_has_time CHECK ((status = 'asked') = (decided_at IS NULL)),
    CONSTRAINT refund_declined_says_why CHECK ((status = 'declined') = (answer IS NOT NULL))
);

CREATE UNIQUE INDEX refund_one_at_a_time ON refund (account_id) WHERE status IN ('asked', 'running');
CREATE INDEX refund_by_time ON refund (asked_at DESC, account_id DESC, refund_id DESC);

-- Money that goes back to the card of one payment: part of a refund, or begun at the provider itself.
CREATE TABLE refund_part (
    account_id text COLLATE "C" NOT NULL,
    part_id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    intent_id text NOT NULL,
    -- NULL: begun at the provider
    refund_id text COLLATE "C",
    provider_refund_id text COLLATE "C",
    amount_nanos bigint NOT NULL,
    -- of the amount, what the account still has set aside for it
    reserved_nanos bigint NOT NULL,
    -- reserved -> pending -> succeeded -> failed, each of which may be passed over: the farthest that was told
    status text NOT NULL,
    failure text,
    created_at timestamptz NOT NULL,
    -- how often the provider was asked to send it
    attempts integer NOT NULL DEFAULT 0,
    -- when the provider is to be asked next; NULL where nothing is left to ask
    due_at timestamptz,
    entry_seq bigint,
    -- the entry that took the first one back, where the refund failed after all
    reversal_seq bigint,
    CONSTRAINT refund_part_pk PRIMARY KEY (account_id, part_id),
    CONSTRAINT refund_part_once_per_refund UNIQUE (account_id, provider_refund_id),
    CONSTRAINT refund_part_status_known CHECK (status IN ('reserved', 'pending', 'succeeded', 'failed')),
    CONSTRAINT refund_part_whole_cents CHECK (amount_nanos > 0 AND amount_nanos % 10000000 = 0),
    CONSTRAINT refund_part_reserved_sane CHECK (reserved_nanos IN (0, amount_nanos)),
    CONSTRAINT refund_part_reversed_was_posted CHECK (reversal_seq IS NULL OR entry_seq IS NOT NULL)
);

CREATE INDEX refund_part_by_payment ON refund_part (account_id, payment_id);
CREATE INDEX refund_part_by_refund ON refund_part (account_id, refund_id) WHERE refund_id IS NOT NULL;
CREATE INDEX refund_part_due ON refund_part (due_at) WHERE due_at IS NOT NULL;

-- Payments that a bank took back, and gave again where the dispute was won.
CREATE TABLE dispute (
    account_id text COLLATE "C" NOT NULL,
    dispute_id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    intent_id text NOT NULL,
    -- NULL: not heard of yet; what came back may be heard of first
    withdrawn_nanos bigint,
    reinstated_nanos bigint,
    heard_at timestamptz NOT NULL,
    -- when the provider is to be asked what was withdrawn
    due_at timestamptz,
    entry_seq bigint,
    reversal_seq bigint,
    -- since when it is told that something was given again, and not clear how much; or, of what was credited, that it
    -- was taken once more; NULL: it is clear
    doubted_at timestamptz,
    CONSTRAINT dispute_pk PRIMARY KEY (account_id, dispute_id),
    CONSTRAINT dispute_amounts_positive CHECK (withdrawn_nanos > 0 AND reinstated_nanos > 0),
    CONSTRAINT dispute_reversed_was_posted CHECK (reversal_seq IS NULL OR entry_seq IS NOT NULL)
);

CREATE INDEX dispute_by_payment ON dispute (account_id, payment_id);
CREATE INDEX dispute_due ON dispute (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX dispute_by_time ON dispute (heard_at DESC, account_id DESC, dispute_id DESC);

-- What the sandbox knows of the refunds it was asked for, or that a person began on its page.
CREATE TABLE sandbox_refund (
    account_id text COLLATE "C" NOT NULL,
    sandbox_refund_id text COLLATE "C" NOT NULL,
    checkout_id text COLLATE "C" NOT NULL,
    -- whose wish it was: ours, or NULL for the sandbox's own page
    part_id text COLLATE "C",
    amount_nanos bigint NOT NULL,
    -- pending -> succeeded | failed; succeeded -> failed
    status text NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL,
    CONSTRAINT sandbox_refund_pk PRIMARY KEY (account_id, sandbox_refund_id),
    CONSTRAINT sandbox_refund_once UNIQUE (account_id, part_id),
    CONSTRAINT sandbox_refund_status_known CHECK (status IN ('pending', 'succeeded', 'failed'))
);

-- Receipts and statements.

CREATE TABLE document (
    account_id text COLLATE "C" NOT NULL,
    number text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    entry_seq bigint NOT NULL,
    issued_at timestamptz NOT NULL,
    amount_nanos bigint NOT NULL,
    -- all that stands on it, as it was when it was issued
    facts json NOT NULL,
    CONSTRAINT document_pk PRIMARY KEY (account_id, number),
    CONSTRAINT document_once_per_entry UNIQUE (account_id, entry_seq)
);

-- Entries that a document is to be issued for, written with them.
CREATE TABLE document_due (
    account_id text COLLATE "C" NOT NULL,
    entry_seq bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT document_due_pk PRIMARY KEY (account_id, entry_seq)
);

CREATE INDEX document_due_by_time ON document_due (recorded_at);

-- Who the receipts are made out to, where an account has said so.
CREATE TABLE buyer (
    account_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    address text [] NOT NULL,
    tax_id text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT buyer_pk PRIMARY KEY (account_id)
);

-- Where a month that has begun was first told to begin: a changed time zone leaves told statements alone.
CREATE TABLE month_start (
    account_id text COLLATE "C" NOT NULL,
    month date NOT NULL,
    starts_at timestamptz NOT NULL,
    zone text NOT NULL,
    CONSTRAINT month_start_pk PRIMARY KEY (account_id, month)
);

-- Outgoing webhooks. account_id '' holds the platform's own endpoints, which are told of every account.
CREATE TABLE webhook_endpoint (
    account_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    url text NOT NULL,
    description text NOT NULL,
    -- NULL: whatever happens, also what there is no name for yet
    types text [],
    -- readable, since every delivery is signed with it; after a rotation the former one signs too, for a day
    secret text NOT NULL,
    former_secret text,
    former_secret_until timestamptz,
    -- enabled <-> disabled
    status text NOT NULL DEFAULT 'enabled',
    disabled_reason text,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL,
    -- the first failed attempt since the last one that did not; NULL while it takes what is sent
    failing_since timestamptz,
    last_failure text,
    last_delivered_at timestamptz,
    -- its last answer came within a second: such endpoints have a share of the room that no other takes from them
    is_quick boolean NOT NULL DEFAULT false,
    CONSTRAINT webhook_endpoint_pk PRIMARY KEY (account_id, endpoint_id),
    CONSTRAINT webhook_endpoint_status_known CHECK (status IN ('enabled', 'disabled')),
    CONSTRAINT webhook_endpoint_disabled_says_why CHECK (
        (status = 'disabled') = (disabled_reason IS NOT NULL)
    ),
    CONSTRAINT webhook_endpoint_reason_known CHECK (disabled_reason IN ('by_hand', 'failing', 'gone'))
);

-- One account as one endpoint hears of it: how far it has been told, and what is under way, in order.
-- Locked before anything else of webhooks is.
CREATE TABLE webhook_lane (
    account_id text COLLATE "C" NOT NULL,
    -- of the endpoint, whose id is its owner's choice: the account itself, or ''
    owner_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    -- the outbox up to here has become deliveries
    event_seq bigint NOT NULL,
    -- the last delivery made, and the last that is delivered or given up
    delivery_seq bigint NOT NULL DEFAULT 0,
    done_seq bigint NOT NULL DEFAULT 0,
    -- when somebody should look after it: at once, after a pause, or when whoever holds it was not heard of
    due_at timestamptz,
    -- who holds it
    claim text,
    -- when it was last told; NULL: never, and sooner than the others
    told_at timestamptz,
    CONSTRAINT webhook_lane_pk PRIMARY KEY (account_id, owner_id, endpoint_id)
) WITH (fillfactor = 70);

CREATE INDEX webhook_lane_due ON webhook_lane (owner_id, endpoint_id, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE webhook_delivery (
    account_id text COLLATE "C" NOT NULL,
    -- of the endpoint, as in its lane
    owner_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    delivery_seq bigint NOT NULL,
    -- what receivers see as webhook-id: the same at every attempt; begins with the time, so that it sorts
    message_id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    -- waiting -> delivered | given_up; given_up -> delivered, by a person's resend
    state text NOT NULL DEFAULT 'waiting',
    attempts integer NOT NULL DEFAULT 0,
    attempted_at timestamptz,
    last_status integer,
    last_failure text,
    CONSTRAINT webhook_delivery_pk PRIMARY KEY (account_id, owner_id, endpoint_id, delivery_seq),
    CONSTRAINT webhook_delivery_state_known CHECK (state IN ('waiting', 'delivered', 'given_up'))
) WITH (fillfactor = 85);

CREATE INDEX webhook_delivery_by_message ON webhook_delivery (owner_id, endpoint_id, message_id);
CREATE INDEX webhook_delivery_by_time ON webhook_delivery (created_at);

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
    -- for every other account there is no such coupon
    only_account_id text COLLATE "C",
    -- only for accounts opened less than so many days of 24 hours ago
    new_account_days integer,
    CONSTRAINT coupon_pk PRIMARY KEY (code),
    CONSTRAINT coupon_amount_positive CHECK (amount_nanos > 0),
    CONSTRAINT coupon_never_over_redeemed CHECK (redemptions <= max_redemptions),
    CONSTRAINT coupon_new_account_days_positive CHECK (new_account_days > 0)
);

-- Not unique: codes differ by letter case alone, and this finds those that do.
CREATE INDEX coupon_by_letters ON coupon (lower(code));

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

-- Links sent to an address: whoever uses one shows that the address is theirs. Only hashes are kept.
CREATE TABLE sign_in_link (
    secret_sha256 bytea NOT NULL,
    address text COLLATE "C" NOT NULL,
    -- the page that was asked for, below our own address
    next_path text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT sign_in_link_pk PRIMARY KEY (secret_sha256)
);

-- Attempts of each kind (wrong coupon codes, links asked for) by a hash of whom they are about.
CREATE TABLE guess_window (
    kind text COLLATE "C" NOT NULL,
    subject_sha256 bytea NOT NULL,
    began_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    CONSTRAINT guess_window_pk PRIMARY KEY (kind, subject_sha256)
);

-- The last number given of each series; locked while documents are issued, so that no number is left out.
CREATE TABLE document_series (
    series text COLLATE "C" NOT NULL,
    last_number bigint NOT NULL DEFAULT 0,
    CONSTRAINT document_series_pk PRIMARY KEY (series)
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
GRANT INSERT, UPDATE, DELETE ON portal_link, browser_session, guess_window, member, sign_in_link TO talktime_app;
GRANT INSERT, UPDATE, DELETE ON message TO talktime_app;
GRANT SELECT, INSERT, UPDATE ON payment, sandbox_checkout TO talktime_app;
GRANT SELECT, INSERT, UPDATE ON refund, refund_part, dispute, sandbox_refund TO talktime_app;
GRANT SELECT, INSERT, UPDATE ON saved_card, auto_reload, sandbox_setup TO talktime_app;
GRANT INSERT, UPDATE ON spend_day TO talktime_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON auto_reload_check TO talktime_app;
GRANT INSERT ON document, month_start TO talktime_app;
GRANT INSERT, DELETE ON document_due TO talktime_app;
GRANT INSERT, UPDATE ON buyer, document_series TO talktime_app;
GRANT INSERT, UPDATE, DELETE ON webhook_endpoint, webhook_lane, webhook_delivery TO talktime_app;
