-- People: members, links by e-mail, sessions, guesses.

CREATE TABLE member (
    account_id text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    role text NOT NULL,
    mail text[] NOT NULL,
    added_at timestamptz NOT NULL,
    CONSTRAINT member_pk PRIMARY KEY (account_id, address),
    CONSTRAINT member_role_known CHECK (role IN ('owner', 'billing', 'viewer'))
);
CREATE INDEX member_by_address ON member (address);
-- Whose weekly summary may be due.
CREATE INDEX member_weekly ON member (account_id, address) WHERE 'weekly' = ANY(mail);

-- Every account has an owner: whoever reads its mail. Addresses beyond ASCII need more than SQL knows
-- (0002_people.py).
INSERT INTO member (account_id, address, role, mail, added_at)
SELECT a.account_id, lower(a.email COLLATE "C"), 'owner', '{alerts,money_in}', a.created_at FROM account a
WHERE a.email ~ '^[\x01-\x7f]+$';

ALTER TABLE portal_link
ADD COLUMN role text NOT NULL DEFAULT 'owner',
ADD COLUMN frame_origin text,
ADD CONSTRAINT portal_link_role_known CHECK (role IN ('owner', 'billing', 'viewer'));
ALTER TABLE portal_link ALTER COLUMN role DROP DEFAULT;

ALTER TABLE browser_session
ADD COLUMN session_id text COLLATE "C" NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', ''),
ADD COLUMN address text COLLATE "C",
ADD COLUMN role text DEFAULT 'owner',
ADD COLUMN user_agent text NOT NULL DEFAULT '',
ADD COLUMN last_seen_at timestamptz NOT NULL DEFAULT now(),
ADD COLUMN framed_by text;
ALTER TABLE browser_session
ALTER COLUMN session_id DROP DEFAULT,
ALTER COLUMN role DROP DEFAULT,
ALTER COLUMN user_agent DROP DEFAULT,
ALTER COLUMN last_seen_at DROP DEFAULT,
ADD CONSTRAINT browser_session_named_once UNIQUE (account_id, session_id),
ADD CONSTRAINT browser_session_person_or_role CHECK (num_nulls(address, role) = 1),
ADD CONSTRAINT browser_session_role_known CHECK (role IN ('owner', 'billing', 'viewer'));
CREATE INDEX browser_session_by_person ON browser_session (address);

CREATE TABLE sign_in_link (
    secret_sha256 bytea NOT NULL,
    address text COLLATE "C" NOT NULL,
    next_path text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT sign_in_link_pk PRIMARY KEY (secret_sha256)
);

CREATE TABLE guess_window (
    kind text COLLATE "C" NOT NULL,
    subject_sha256 bytea NOT NULL,
    began_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    CONSTRAINT guess_window_pk PRIMARY KEY (kind, subject_sha256)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON member, sign_in_link, guess_window TO talktime_app;
