-- Messages to people, and the queue of jobs that sends them.

CREATE TABLE message (
    account_id text COLLATE "C" NOT NULL,
    message_id uuid GENERATED ALWAYS AS (
        md5(account_id || E'\x1f' || kind || E'\x1f' || ref || E'\x1f' || coalesce(recipient, ''))::uuid
    ) STORED,
    kind text NOT NULL,
    ref text COLLATE "C" NOT NULL,
    recipient text,
    facts jsonb NOT NULL,
    created_at timestamptz NOT NULL,
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

GRANT SELECT, INSERT, UPDATE, DELETE ON message TO talktime_app;
