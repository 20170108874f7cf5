package call

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A CaseState is where a case is in its life.
type CaseState string

// The states.
const (
	CaseRegistered CaseState = "registered" // it has a number; its letter is on the way to the unit
	CaseAssigned   CaseState = "assigned"   // somebody works on it
	CaseAnswered   CaseState = "answered"   // there is an answer; the citizen may still have to be told
	CaseClosed     CaseState = "closed"
)

// CaseStates is the closed list.
var CaseStates = []CaseState{CaseRegistered, CaseAssigned, CaseAnswered, CaseClosed}

// caseMoves lists where a case may go from each state.
var caseMoves = map[CaseState][]CaseState{
	CaseRegistered: {CaseAssigned, CaseAnswered, CaseClosed},
	CaseAssigned:   {CaseAssigned, CaseAnswered, CaseClosed},
	CaseAnswered:   {CaseAssigned, CaseAnswered, CaseClosed}, // what satisfied nobody is taken up again
	CaseClosed:     {},
}

// A Case is one matter of one citizen.
type Case struct {
	ID       ID     // of the message it was made of
	Number   string // YYYY-NNNNNN
	Call     ID
	Line     string
	From     Number
	Language Language
	Matter   Matter
	Topic    string
	Unit     string // to whom it was forwarded
	Born     string // DDMMYYYY, where it is known: the second secret of whoever asks for it

	Confidential bool // to the chief only

	State    CaseState
	Assigned string // who works on it
	Opened   time.Time
	Due      time.Time // the term ends
	Forward  time.Time // the term of the forwarding ends
	Extended bool
	Sent     time.Time // it has arrived at the unit; zero: not yet
	Answer   string
	Closed   time.Time

	Message string // path of the sound, relative to the data folder
	Length  time.Duration

	History []CaseEntry
}

// A CaseEntry of a case's history is what somebody has done. Looks at a confidential case are among them.
type CaseEntry struct {
	At   time.Time
	By   string
	What string
	Text string
}

// ErrCaseMove says that a case cannot go where it is asked to.
var ErrCaseMove = errors.New("the case cannot")

// May says whether a case may go on to a state.
func (c Case) May(next CaseState) error {
	if !slices.Contains(caseMoves[c.State], next) {
		return fmt.Errorf("%w become %s, it is %s", ErrCaseMove, next, c.State)
	}
	return nil
}

// Overdue reports whether the term is over and there is no answer.
func (c Case) Overdue(now time.Time) bool {
	return (c.State == CaseRegistered || c.State == CaseAssigned) && now.After(c.Due)
}

// Standing is what whoever asks for a case by telephone is told.
func (c Case) Standing() Standing {
	s := Standing{State: StandingRegistered, Changed: c.Opened, Due: c.Due}
	for _, e := range c.History {
		if !strings.HasPrefix(e.What, "looked") { // who looks changes nothing
			s.Changed = e.At
		}
	}
	switch {
	case c.State == CaseClosed && c.Answer == "": // left without an answer: an operator says why
		s.State, s.Due = StandingRefused, time.Time{}
	case c.State == CaseAnswered, c.State == CaseClosed:
		s.State, s.Due = StandingAnswered, time.Time{}
	case c.Extended:
		s.State = StandingExtended
	case c.State == CaseAssigned:
		s.State = StandingInProgress
	case !c.Sent.IsZero():
		s.State = StandingInProgress
	}
	return s
}

// caseNumber is the number of a case.
var caseNumber = regexp.MustCompile(`^(\d{4})-(\d{6})$`)

// CaseNumber writes the number of a year's nth case.
func CaseNumber(year, n int) string { return fmt.Sprintf("%04d-%06d", year, n) }

// KeyedCase is the number of a case as it is keyed on a telephone, YYYYNNNNNN; empty: it is none.
func KeyedCase(digits string) string {
	if len(digits) != 10 {
		return ""
	}
	n := digits[:4] + "-" + digits[4:]
	if !caseNumber.MatchString(n) {
		return ""
	}
	return n
}

// A Letter is something that is to be told to a unit about a case. It goes out until it has arrived; its Key
// is the same each time, so a receiver that has it already can drop it.
type Letter struct {
	Key   string // CASE-ID/forward, CASE-ID/50, …
	Case  ID
	To    string // the unit, or chief
	Kind  string // forward, unreached (nobody was there to be told by telephone), or the percent of a reminder
	Way   string // mail or webhook
	Tries int
	Made  time.Time
	Next  time.Time // not before
}

// A CaseTask is a callback after an investigation.
type CaseTask struct {
	Case     ID
	Number   string // of the case
	Call     ID     // in which the case was left
	From     Number // whom to call
	Language Language
	Due      time.Time // not before
	Tries    int       // that reached nobody
	Outcome  CaseTaskOutcome
	Made     time.Time
	Last     time.Time // of the last try; zero: none was made
	Ticket   ID        // of the callback that is under way; empty: none
}

// A CaseTaskOutcome is what came of a callback after an investigation.
type CaseTaskOutcome string

// The outcomes.
const (
	TaskOpen      CaseTaskOutcome = "open"      // somebody is to be called
	TaskCalling   CaseTaskOutcome = "calling"   // waits in the queue, or is being called
	TaskReached   CaseTaskOutcome = "reached"   // told
	TaskDeclined  CaseTaskOutcome = "declined"  // wanted no call
	TaskGivenUp   CaseTaskOutcome = "given_up"  // every try failed: a letter, or another way
	TaskCancelled CaseTaskOutcome = "cancelled" // by one of us
)
