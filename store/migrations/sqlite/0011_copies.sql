-- +goose Up

-- Citizens' requests for copies of recordings. Times are microseconds since 1970 UTC. Rows stay.
CREATE TABLE copies (
    year    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,              -- 1, 2, … in its year
    call    TEXT NOT NULL,
    case_no TEXT NOT NULL,                 -- of the register of cases; empty: none
    name    TEXT NOT NULL,                 -- who asked; may be empty
    checked TEXT NOT NULL,                 -- who found that it is the caller
    by      TEXT NOT NULL,
    why     TEXT NOT NULL,
    state   TEXT NOT NULL,
    asked   INTEGER NOT NULL,
    due     INTEGER NOT NULL,
    right_until INTEGER NOT NULL,
    silence TEXT NOT NULL DEFAULT '',
    digest  TEXT NOT NULL DEFAULT '',
    made    INTEGER,
    closed  INTEGER,
    PRIMARY KEY (year, seq)
) STRICT;

CREATE INDEX copies_open ON copies (due) WHERE closed IS NULL;
CREATE INDEX copies_by_call ON copies (call);

CREATE TABLE copy_history (
    id   INTEGER PRIMARY KEY,
    year INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    by   TEXT NOT NULL,
    what TEXT NOT NULL,
    text TEXT NOT NULL,
    FOREIGN KEY (year, seq) REFERENCES copies (year, seq)
) STRICT;

CREATE INDEX copy_history_by_copy ON copy_history (year, seq, id);

-- +goose Down

DROP TABLE copy_history;
DROP TABLE copies;
