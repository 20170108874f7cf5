-- Times are microseconds since 1970 UTC, durations microseconds; NULL is "never".

-- +goose Up

CREATE TABLE calls (
    id          TEXT PRIMARY KEY,          -- UUIDv7: sorts by time
    line        TEXT NOT NULL,
    trunk       TEXT NOT NULL,
    from_number TEXT NOT NULL,
    withheld    INTEGER NOT NULL,
    language    TEXT NOT NULL,
    queue       TEXT NOT NULL,
    operator    TEXT NOT NULL,
    outcome     TEXT NOT NULL,             -- empty while the call is open
    phase       TEXT NOT NULL,
    ended_by    TEXT NOT NULL,
    code        INTEGER NOT NULL,
    arrived     INTEGER NOT NULL,
    answered    INTEGER,
    ended       INTEGER,                   -- NULL: still open
    waited      INTEGER NOT NULL,
    talked      INTEGER NOT NULL,
    recording   TEXT NOT NULL,             -- path relative to the data folder
    recording_state TEXT NOT NULL,         -- sealed, interrupted; empty while open or without one
    notice      TEXT                       -- JSON
) STRICT;

CREATE INDEX calls_by_arrival ON calls (arrived DESC, id DESC);
CREATE INDEX calls_open ON calls (arrived) WHERE ended IS NULL;

CREATE TABLE events (
    seq  INTEGER PRIMARY KEY,              -- number of the spool entry
    call TEXT NOT NULL,                    -- empty for events of operators
    at   INTEGER NOT NULL,
    name TEXT NOT NULL,
    data TEXT NOT NULL                     -- JSON object of strings
) STRICT;

CREATE INDEX events_by_call ON events (call, seq);

CREATE TABLE dialogs (
    leg   TEXT PRIMARY KEY,
    call  TEXT NOT NULL,
    state TEXT NOT NULL                    -- JSON of call.Dialog
) STRICT;

CREATE TABLE bindings (
    user    TEXT NOT NULL,
    contact TEXT NOT NULL,
    expires INTEGER NOT NULL,
    state   TEXT NOT NULL,                 -- JSON of call.Binding
    PRIMARY KEY (user, contact)
) STRICT;

CREATE TABLE users (
    name      TEXT PRIMARY KEY,
    role      TEXT NOT NULL,
    languages TEXT NOT NULL,               -- JSON array
    queues    TEXT NOT NULL,               -- JSON array; empty: every queue
    disabled  INTEGER NOT NULL,
    password  TEXT NOT NULL,               -- argon2id, in the usual $ form
    created   INTEGER NOT NULL
) STRICT;

CREATE TABLE sip_secrets (
    user      TEXT NOT NULL REFERENCES users (name),
    realm     TEXT NOT NULL,
    algorithm TEXT NOT NULL,               -- MD5, SHA-256
    sealed    BLOB NOT NULL,               -- the HA1, sealed with keys/seal.key
    PRIMARY KEY (user, realm, algorithm)
) STRICT;

-- How far the spool has been applied, and how often the users have been changed.
CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

INSERT INTO marks (name, value) VALUES ('spool', 0), ('users', 0);

-- +goose Down

DROP TABLE marks;
DROP TABLE sip_secrets;
DROP TABLE users;
DROP TABLE bindings;
DROP TABLE dialogs;
DROP TABLE events;
DROP TABLE calls;
