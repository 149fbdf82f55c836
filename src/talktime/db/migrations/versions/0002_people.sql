-- People: members, links by e-mail, sessions, guesses.

CREATE TABLE guess_window (
    kind text COLLATE "C" NOT NULL,
    subject_sha256 bytea NOT NULL,
    began_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    CONSTRAINT guess_window_pk PRIMARY KEY (kind, subject_sha256)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON guess_window TO talktime_app;
