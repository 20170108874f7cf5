-- +goose Up

-- Times here are nanoseconds since 1970 UTC: whoever replays the journal must come to the same.
CREATE TABLE floor_journal (
    seq      INTEGER PRIMARY KEY,          -- number of the spool entry
    at       INTEGER NOT NULL,
    call     TEXT NOT NULL,                -- empty: of operators, or of the house
    kind     TEXT NOT NULL,                -- of the event; checkpoint: the whole floor
    event    TEXT NOT NULL,                -- JSON
    commands TEXT NOT NULL                 -- JSON: what was decided
) STRICT;

CREATE INDEX floor_journal_by_call ON floor_journal (call, seq) WHERE call <> '';
CREATE INDEX floor_journal_by_time ON floor_journal (at);
CREATE INDEX floor_journal_checkpoints ON floor_journal (seq) WHERE kind = 'checkpoint';

-- +goose Down

DROP TABLE floor_journal;
