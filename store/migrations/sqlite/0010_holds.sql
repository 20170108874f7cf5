-- +goose Up

-- What keeps recordings from being erased: who ordered it and why, with or without an end.
CREATE TABLE holds (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- a number is never given twice
    why         TEXT NOT NULL,
    by          TEXT NOT NULL,
    at          INTEGER NOT NULL,
    until       INTEGER,                           -- NULL: until it is lifted
    lifted      INTEGER,
    lifted_why  TEXT NOT NULL DEFAULT '',
    lifted_by   TEXT NOT NULL DEFAULT '',
    lifted_with TEXT NOT NULL DEFAULT ''           -- the second person
);

CREATE INDEX holds_now ON holds (id) WHERE lifted IS NULL;

CREATE TABLE hold_calls (
    hold INTEGER NOT NULL REFERENCES holds (id),
    call TEXT NOT NULL,
    PRIMARY KEY (hold, call)
) WITHOUT ROWID;

CREATE INDEX hold_calls_by_call ON hold_calls (call);

CREATE INDEX cases_by_call ON cases (call);

-- +goose Down

DROP INDEX cases_by_call;
DROP TABLE hold_calls;
DROP TABLE holds;
