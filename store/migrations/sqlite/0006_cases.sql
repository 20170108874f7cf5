-- +goose Up

-- What citizens have left. Times are microseconds since 1970 UTC.
CREATE TABLE cases (
    id           TEXT PRIMARY KEY,         -- of the message it was made of: one message is one case
    year         INTEGER NOT NULL,
    seq          INTEGER NOT NULL,         -- 1, 2, … in its year
    call         TEXT NOT NULL,
    line         TEXT NOT NULL,
    from_number  TEXT NOT NULL,            -- in the one spelling in which numbers are compared; empty: withheld
    language     TEXT NOT NULL,
    matter       TEXT NOT NULL,
    topic        TEXT NOT NULL,
    unit         TEXT NOT NULL,
    born         TEXT NOT NULL DEFAULT '', -- DDMMYYYY
    confidential INTEGER NOT NULL,
    state        TEXT NOT NULL,
    assigned     TEXT NOT NULL DEFAULT '',
    opened       INTEGER NOT NULL,
    due          INTEGER NOT NULL,
    forward      INTEGER NOT NULL,
    extended     INTEGER NOT NULL DEFAULT 0,
    sent         INTEGER,
    answer       TEXT NOT NULL DEFAULT '',
    closed       INTEGER,
    message      TEXT NOT NULL,
    length_ms    INTEGER NOT NULL,
    UNIQUE (year, seq)
) STRICT;

CREATE INDEX cases_open ON cases (due) WHERE state IN ('registered', 'assigned');
CREATE INDEX cases_by_number ON cases (from_number) WHERE from_number <> '';

CREATE TABLE case_history (
    id      INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL REFERENCES cases (id),
    at      INTEGER NOT NULL,
    by      TEXT NOT NULL,
    what    TEXT NOT NULL,
    text    TEXT NOT NULL
) STRICT;

CREATE INDEX case_history_by_case ON case_history (case_id, id);

-- What is to be told to units. A row stays when it has arrived.
CREATE TABLE letters (
    key     TEXT NOT NULL,
    way     TEXT NOT NULL,
    case_id TEXT NOT NULL REFERENCES cases (id),
    unit    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    made    INTEGER NOT NULL,
    next    INTEGER NOT NULL,
    tries   INTEGER NOT NULL DEFAULT 0,
    class   TEXT NOT NULL DEFAULT '',      -- of the last failure
    arrived INTEGER,                       -- NULL: not yet; 0: not needed any more
    PRIMARY KEY (key, way)
) STRICT;

CREATE INDEX letters_waiting ON letters (next) WHERE arrived IS NULL;

-- Callbacks after an investigation.
CREATE TABLE case_tasks (
    case_id TEXT PRIMARY KEY REFERENCES cases (id),
    due     INTEGER NOT NULL,
    tries   INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL,
    made    INTEGER NOT NULL,
    last    INTEGER
) STRICT;

-- +goose Down

DROP TABLE case_tasks;
DROP TABLE letters;
DROP TABLE case_history;
DROP TABLE cases;
