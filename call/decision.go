package call

import (
	"encoding/json"
	"time"
)

// A Decision is one event of the floor and what was decided on it, as the floor's journal keeps it.
// Or it is a checkpoint: the whole floor at that moment.
type Decision struct {
	Seq      uint64          `json:"-"`  // its place in the journal, given there
	At       time.Time       `json:"at"` // to the nanosecond
	Call     ID              `json:"call,omitempty"`
	Kind     string          `json:"kind"`               // of the event, or one of those below
	Event    json.RawMessage `json:"event"`              // as package queue writes it; of a checkpoint the floor
	Commands json.RawMessage `json:"commands,omitempty"` // a list, as package queue writes it
}

// The kinds of decisions that are no event. They are on disk.
const (
	// Checkpoint is the whole floor: what came before is not needed to go on.
	Checkpoint = "checkpoint"

	// Unreadable is a checkpoint that could not be read, as a JSON string: for whoever investigates.
	Unreadable = "unreadable"
)
