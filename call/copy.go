package call

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// A CopyState is where a citizen's request for a copy of a recording is.
type CopyState string

// The states of a request.
const (
	CopyAsked     CopyState = "asked"     // registered; who asked was found to be who they say
	CopyMade      CopyState = "made"      // the bundle has left the house at least once
	CopyDelivered CopyState = "delivered" // the citizen has it
	CopyRefused   CopyState = "refused"
)

// CopyStates is the closed list.
var CopyStates = []CopyState{CopyAsked, CopyMade, CopyDelivered, CopyRefused}

// copyMoves says where a request may go. A copy may be made again as long as it is not delivered or refused.
var copyMoves = map[CopyState][]CopyState{
	CopyAsked: {CopyMade, CopyRefused},
	CopyMade:  {CopyMade, CopyDelivered, CopyRefused},
}

// A Copy is one request for a copy of a recording.
type Copy struct {
	Number  string // R-YYYY-NNNNNN
	Call    ID
	Case    string // its registration number; empty: none
	Name    string // who asked; may be empty, and is in no log and no event
	Checked string // who found that it is the caller who asks
	By      string // who registered it
	Why     string
	State   CopyState
	Asked   time.Time
	Due     time.Time // until when it is to be answered
	Right   time.Time // until when the caller could ask
	Silence string    // of the copy that was made last: operator or caller; empty: nothing
	Digest  string    // of the copy that was made last: SHA-256 of its SHA256SUMS
	Made    time.Time // zero: not yet
	Closed  time.Time // delivered or refused; zero: open
	History []CaseEntry
}

// Open reports whether a request is owed an answer.
func (c Copy) Open() bool { return c.State == CopyAsked || c.State == CopyMade }

// ErrCopyMove says that a request cannot go where it is asked to.
var ErrCopyMove = errors.New("the request cannot")

// May says whether a request may go on to a state.
func (c Copy) May(next CopyState) error {
	if !slices.Contains(copyMoves[c.State], next) {
		return fmt.Errorf("%w become %s, it is %s", ErrCopyMove, next, c.State)
	}
	return nil
}

// CopyNumber is how a request is called.
func CopyNumber(year, seq int) string { return fmt.Sprintf("R-%04d-%06d", year, seq) }
