package purge

import (
	"time"

	"hotline/call"
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

// erasure is what is erased of a judged one at a time.
func (r *Reaper) erasure(j judged, now time.Time) Erasure {
	link := ""
	if j.Seq > 0 {
		link = j.Digest
	}
	return Erasure{
		Link: link,
		ID:   j.id, Kind: j.kind, Call: j.subject.Call, Path: j.sound(), SHA256: j.SHA256, Bytes: j.bytes(r.root),
		Class: j.verdict.Class, Due: j.verdict.Due.UTC(), Rule: j.verdict.Why, At: now.UTC().Truncate(time.Millisecond),
	}
}
