-- When a call was first reported on; and what the days of busy accounts came to, added up once.
ALTER TABLE call ADD COLUMN first_reported_at timestamptz;

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

GRANT SELECT, INSERT, UPDATE ON spend_day TO talktime_app;
