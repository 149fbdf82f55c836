-- Receipts and what stands on them; where the months of statements begin.

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

-- The last number given of each series; locked while documents are issued, so that no number is left out.
CREATE TABLE document_series (
    series text COLLATE "C" NOT NULL,
    last_number bigint NOT NULL DEFAULT 0,
    CONSTRAINT document_series_pk PRIMARY KEY (series)
);

INSERT INTO document_due (account_id, entry_seq, recorded_at)
SELECT e.account_id, e.seq, e.recorded_at FROM entry e WHERE e.kind = 'top_up';

GRANT SELECT ON document, document_due, buyer, month_start, document_series TO talktime_app;
GRANT INSERT ON document, month_start TO talktime_app;
GRANT INSERT, DELETE ON document_due TO talktime_app;
GRANT INSERT, UPDATE ON buyer, document_series TO talktime_app;
