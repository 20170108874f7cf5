-- +goose Up

-- Why an answered call has no recording: policy, disk, notice, process; unexplained where nothing says why. Empty: it
-- has one, or was not answered.
ALTER TABLE calls ADD COLUMN unrecorded TEXT NOT NULL DEFAULT '';

-- +goose Down

ALTER TABLE calls DROP COLUMN unrecorded;
