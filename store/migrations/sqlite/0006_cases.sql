-- +goose Up

-- What citizens have left. Times are microseconds since 1970, NULL where there is none.
CREATE TABLE cases (
    id           TEXT PRIMARY KEY, -- of the message: one message is one case
    number       TEXT NOT NULL UNIQUE, -- YYYY-NNNNNN
    year         INTEGER NOT NULL,
    seq          INTEGER NOT NULL, -- from 1 in each year
    call         TEXT NOT NULL,
    line         TEXT NOT NULL,
    from_number  TEXT NOT NULL,
    withheld     INTEGER NOT NULL,
    language     TEXT NOT NULL,
    matter       TEXT NOT NULL,
    topic        TEXT NOT NULL,
    born         TEXT NOT NULL,
    confidential INTEGER NOT NULL,
    unit         TEXT NOT NULL,
    assigned     TEXT NOT NULL,
    state        TEXT NOT NULL,
    why          TEXT NOT NULL,
    opened       INTEGER NOT NULL,
    term         TEXT NOT NULL,
    extra        INTEGER NOT NULL, -- working days by which the term was extended
    forward_by   INTEGER,
    ask_by       INTEGER,
    due          INTEGER,
    forwarded    INTEGER,
    changed      INTEGER,
    answered     INTEGER,
    answer       TEXT NOT NULL,
    path         TEXT NOT NULL,
    length       INTEGER NOT NULL,
    UNIQUE (year, seq)
);
CREATE INDEX cases_state ON cases (state, due);
CREATE INDEX cases_opened ON cases (opened);

CREATE TABLE case_notes (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id TEXT NOT NULL REFERENCES cases (id),
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    what    TEXT NOT NULL,
    note    TEXT NOT NULL
);
CREATE INDEX case_notes_case ON case_notes (case_id);

-- What units are to be told. A row stays when it is done: nobody is told twice.
CREATE TABLE case_outbox (
    key     TEXT NOT NULL,
    unit    TEXT NOT NULL,
    channel TEXT NOT NULL,
    case_id TEXT NOT NULL REFERENCES cases (id),
    percent INTEGER NOT NULL,
    tries   INTEGER NOT NULL,
    next    INTEGER NOT NULL,
    by      INTEGER,
    done    INTEGER,
    fault   TEXT NOT NULL,
    PRIMARY KEY (key, unit, channel)
);
CREATE INDEX case_outbox_next ON case_outbox (next) WHERE done IS NULL;
CREATE INDEX case_outbox_case ON case_outbox (case_id);

CREATE TABLE tasks (
    id      TEXT PRIMARY KEY,
    case_id TEXT NOT NULL REFERENCES cases (id),
    kind    TEXT NOT NULL,
    made    INTEGER NOT NULL,
    due     INTEGER NOT NULL,
    next    INTEGER NOT NULL,
    tries   INTEGER NOT NULL,
    outcome TEXT NOT NULL, -- empty: still to be done
    changed INTEGER NOT NULL
);
CREATE INDEX tasks_open ON tasks (next) WHERE outcome = '';

-- +goose Down

DROP TABLE tasks;
DROP TABLE case_outbox;
DROP TABLE case_notes;
DROP TABLE cases;
