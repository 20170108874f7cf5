-- +goose Up

-- Numbers that are kept out, with who decided and why. A row stays when it is lifted.
CREATE TABLE blocks (
    id      INTEGER PRIMARY KEY,
    number  TEXT NOT NULL,                 -- in the one spelling in which numbers are compared
    reason  TEXT NOT NULL,
    by      TEXT NOT NULL,
    at      INTEGER NOT NULL,              -- microseconds since 1970 UTC, as all times here
    until   INTEGER,                       -- NULL: until it is lifted
    lifted  INTEGER,
    lifted_by TEXT
) STRICT;

CREATE UNIQUE INDEX blocks_now ON blocks (number) WHERE lifted IS NULL;

-- What is switched on for all callers: challenge, incident.
CREATE TABLE switches (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL,                   -- JSON
    by    TEXT NOT NULL,
    at    INTEGER NOT NULL,
    until INTEGER
) STRICT;

-- What callers answered, and that they were asked (value 0). No operator's name is here.
CREATE TABLE opinions (
    call     TEXT NOT NULL,
    survey   TEXT NOT NULL,
    question TEXT NOT NULL,
    queue    TEXT NOT NULL,
    language TEXT NOT NULL,
    value    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (call, survey, question)
) STRICT;

CREATE INDEX opinions_by_time ON opinions (at);

-- +goose Down

DROP TABLE opinions;
DROP TABLE switches;
DROP TABLE blocks;
