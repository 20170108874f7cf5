package call

import (
	"errors"
	"time"
)

// A Standing is how an application stands. It names nobody.
type Standing struct {
	State   StandingState
	Changed time.Time // when it last changed; zero: not known
	Due     time.Time // when the term ends; zero: none, or not known
	Known   time.Time // when this was learnt, where it is not fresh; zero: just now
}

// A StandingState is what is told of an application. Clip status.STATE says it.
type StandingState string

// The states.
const (
	StandingRegistered StandingState = "registered"
	StandingInProgress StandingState = "inProgress"
	StandingNeedInfo   StandingState = "needInfo"
	StandingForwarded  StandingState = "forwarded"
	StandingGranted    StandingState = "granted"
	StandingRefused    StandingState = "refused"
	StandingAnswered   StandingState = "answered"
	StandingReady      StandingState = "ready"
	StandingWithdrawn  StandingState = "withdrawn"
	StandingExtended   StandingState = "extended"
)

// StandingStates is the closed list.
var StandingStates = []StandingState{
	StandingRegistered, StandingInProgress, StandingNeedInfo, StandingForwarded, StandingGranted,
	StandingRefused, StandingAnswered, StandingReady, StandingWithdrawn, StandingExtended,
}

// What may come in the place of a Standing.
var (
	ErrNoApplication = errors.New("no such application")                  // or the second secret does not fit: nobody learns which
	ErrStatusAway    = errors.New("the status system is away")            // dead, slow, wrong, or resting after failures
	ErrStatusTries   = errors.New("no more questions are answered today") // from this number
)

// A StatusQuestion is what a caller asks for. It prints itself without digits.
type StatusQuestion struct {
	Number string // as keyed
	Born   string // DDMMYYYY
	From   Number // of the caller
	Hidden bool   // the number is withheld
}

// String tells nothing of it.
func (StatusQuestion) String() string { return "a question about an application" }

// GoString keeps %#v empty too.
func (q StatusQuestion) GoString() string { return q.String() }

// MarshalText keeps logs and JSON empty too.
func (q StatusQuestion) MarshalText() ([]byte, error) { return []byte(q.String()), nil }
