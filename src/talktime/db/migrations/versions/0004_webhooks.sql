-- Outgoing webhooks: endpoints, how far each has been told of each account, and its deliveries.

CREATE TABLE webhook_endpoint (
    account_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    url text NOT NULL,
    description text NOT NULL,
    types text [],
    secret text NOT NULL,
    former_secret text,
    former_secret_until timestamptz,
    status text NOT NULL DEFAULT 'enabled',
    disabled_reason text,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL,
    failing_since timestamptz,
    last_failure text,
    last_delivered_at timestamptz,
    CONSTRAINT webhook_endpoint_pk PRIMARY KEY (account_id, endpoint_id),
    CONSTRAINT webhook_endpoint_status_known CHECK (status IN ('enabled', 'disabled')),
    CONSTRAINT webhook_endpoint_disabled_says_why CHECK (
        (status = 'disabled') = (disabled_reason IS NOT NULL)
    ),
    CONSTRAINT webhook_endpoint_reason_known CHECK (disabled_reason IN ('by_hand', 'failing', 'gone'))
);

CREATE TABLE webhook_lane (
    account_id text COLLATE "C" NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    event_seq bigint NOT NULL,
    delivery_seq bigint NOT NULL DEFAULT 0,
    done_seq bigint NOT NULL DEFAULT 0,
    due_at timestamptz,
    claim text,
    told_at timestamptz,
    CONSTRAINT webhook_lane_pk PRIMARY KEY (account_id, owner_id, endpoint_id)
) WITH (fillfactor = 70);

CREATE INDEX webhook_lane_due ON webhook_lane (owner_id, endpoint_id, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE webhook_delivery (
    account_id text COLLATE "C" NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    delivery_seq bigint NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
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

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_endpoint, webhook_lane, webhook_delivery TO talktime_app;
