package purge

import (
	"context"
	"time"

	"hotline/call"
	"hotline/recording/access"
	"hotline/recording/retention"
)

// What an erasure is of.
const (
	KindRecording = "recording" // of a call
	KindMessage   = "message"   // what a caller has left
)

// An Erasure is one recording, or one message, that is erased.
type Erasure struct {
	ID     call.ID   `json:"id"` // of the call, or of the message
	Kind   string    `json:"kind"`
	Call   call.ID   `json:"call"`
	Path   string    `json:"path"`           // of the sound, relative to the data folder
	SHA256 string    `json:"sha256"`         // of the sound, as its manifest has it; empty: it has none that can be read
	Link   string    `json:"link,omitempty"` // digest of the manifest, where that is a link of the chain
	Bytes  int64     `json:"bytes"`          // as much as lay there
	Class  string    `json:"class"`
	Due    time.Time `json:"due"`
	Rule   string    `json:"rule"` // in words
	At     time.Time `json:"at"`   // when it was decided

	// Of an erasure that two persons have ordered.
	By   string `json:"by,omitempty"`
	With string `json:"with,omitempty"`
	Why  string `json:"why,omitempty"`
}

// Rows is what the reaper asks the database.
type Rows interface {
	// Records gives the records of calls, those that there are.
	Records(ctx context.Context, calls []call.ID) (map[call.ID]call.Record, error)
	// CasesOf gives the cases of calls, by call.
	CasesOf(ctx context.Context, calls []call.ID) (map[call.ID][]call.Case, error)
	// Holding gives the holds that bind at a time.
	Holding(ctx context.Context, now time.Time) ([]retention.Hold, error)
}

// Gate is who is asked before anything is erased.
type Gate interface {
	Ask(ctx context.Context, e access.Entry) error
}

// Chain makes the links that say what was erased.
type Chain interface {
	// Erased puts links into the chain that say what is erased now, and gives each as a line of JSON, in the
	// order of list. They are on the disk when it returns. It may be asked again for what is in the chain
	// already: a reaper that was killed before it had the answer asks once more.
	Erased(ctx context.Context, list []Erasure) (links [][]byte, err error)
}
