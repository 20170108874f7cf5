-- +goose Up

ALTER TABLE calls ADD COLUMN kind TEXT NOT NULL DEFAULT 'call'; -- call, consult, own
ALTER TABLE calls ADD COLUMN linked TEXT NOT NULL DEFAULT '';   -- of a consult: the call that waited

-- +goose Down

ALTER TABLE calls DROP COLUMN linked;
ALTER TABLE calls DROP COLUMN kind;
