-- +goose Up

-- The callback by which a task is being tried, as the floor knows it; empty: none.
ALTER TABLE case_tasks ADD COLUMN ticket TEXT NOT NULL DEFAULT '';

CREATE INDEX case_tasks_open ON case_tasks (due) WHERE outcome IN ('open', 'calling');

-- +goose Down

DROP INDEX case_tasks_open;
ALTER TABLE case_tasks DROP COLUMN ticket;
