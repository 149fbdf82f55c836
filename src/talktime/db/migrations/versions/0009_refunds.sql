-- Refunds and disputes, and what of each payment went back.

-- It has one more argument now; the functions are made anew after the migrations.
DROP FUNCTION IF EXISTS post_entries(
    timestamptz, bigint, text [], text [], text [], bigint [], bigint [], timestamptz [], text []
);

ALTER TABLE payment ADD COLUMN refunded_nanos bigint NOT NULL DEFAULT 0;
ALTER TABLE payment ADD COLUMN reserved_nanos bigint NOT NULL DEFAULT 0;
ALTER TABLE payment ADD COLUMN disputed_nanos bigint NOT NULL DEFAULT 0;
ALTER TABLE payment ADD CONSTRAINT payment_gone_back_never_negative CHECK (
    refunded_nanos >= 0 AND reserved_nanos >= 0 AND disputed_nanos >= 0
);

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
    CONSTRAINT dispute_pk PRIMARY KEY (account_id, dispute_id),
    CONSTRAINT dispute_amounts_positive CHECK (withdrawn_nanos > 0 AND reinstated_nanos > 0),
    CONSTRAINT dispute_reversed_was_posted CHECK (reversal_seq IS NULL OR entry_seq IS NOT NULL)
);

CREATE INDEX dispute_by_payment ON dispute (account_id, payment_id);
CREATE INDEX dispute_due ON dispute (due_at) WHERE due_at IS NOT NULL;

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

GRANT SELECT, INSERT, UPDATE ON refund, refund_part, dispute, sandbox_refund TO talktime_app;
