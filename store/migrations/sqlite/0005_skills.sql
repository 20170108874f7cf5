-- +goose Up

ALTER TABLE users ADD COLUMN skills TEXT NOT NULL DEFAULT '{}'; -- JSON object: level by name

-- +goose Down

ALTER TABLE users DROP COLUMN skills;
