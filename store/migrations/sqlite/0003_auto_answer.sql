-- +goose Up

ALTER TABLE users ADD COLUMN auto_answer INTEGER NOT NULL DEFAULT 0;

-- +goose Down

ALTER TABLE users DROP COLUMN auto_answer;
