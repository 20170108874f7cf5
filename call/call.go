package call

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// An ID names one call everywhere: record, log, manifest, recording, API and every leg.
// It is a UUIDv7 (RFC 9562 §5.7), so ids sort by time and never collide between nodes.
type ID string

// NewID makes the id of a call that arrives now.
func NewID() ID { return ID(uuid.Must(uuid.NewV7()).String()) }

// A Language is an ISO 639-1 code: "az", "en" or "ru". Empty means not chosen yet.
type Language string

// A State is where a call is in its life.
type State string

// The states of a call. Wrap-up is not one of them: it belongs to the operator.
const (
	Ringing  State = "ringing"  // the INVITE is here, nothing is answered
	Greeting State = "greeting" // answered: greeting, language, notice, menu
	Waiting  State = "waiting"  // in the queue, also while an operator is rung
	Talking  State = "talking"  // joined to an operator
	Ended    State = "ended"
)

// moves lists where a call may go from each state. Any other move is our bug, not the caller's
// phone: tests fail on it; in production it is logged and counted and the call keeps its state.
var moves = map[State][]State{
	Ringing:  {Greeting, Ended},
	Greeting: {Waiting, Talking, Ended}, // Talking: put through by a menu
	Waiting:  {Talking, Ended},
	Talking:  {Waiting, Greeting, Ended}, // back to Waiting: the operator vanished; to Greeting: a survey
}

// May reports whether a call in state s may move to next.
func (s State) May(next State) bool { return slices.Contains(moves[s], next) }

// An Outcome says how a call ended. The list is closed; nothing else says so.
type Outcome string

// The outcomes.
const (
	Completed   Outcome = "completed"   // talked to an operator
	Abandoned   Outcome = "abandoned"   // the caller left before an operator; see Record.Phase
	Refused     Outcome = "refused"     // never answered; see Record.Code
	Closed      Outcome = "closed"      // outside the hours of the line
	TimedOut    Outcome = "timed_out"   // longer than a call or a wait may last
	MediaLost   Outcome = "media_lost"  // the caller's telephone went silent and answered no question
	Failed      Outcome = "failed"      // our fault
	Interrupted Outcome = "interrupted" // the process died during the call
	Stopped     Outcome = "stopped"     // a drain or stop ran out of its grace
	CalledBack  Outcome = "callback"    // the caller left to be called back: no abandoned call
	Served      Outcome = "served"      // a menu gave what was asked for: information, a status, a case
)

// Outcomes is the closed list, in the order of the documentation.
var Outcomes = []Outcome{Completed, Abandoned, Refused, Closed, TimedOut, MediaLost, Failed, Interrupted, Stopped, CalledBack, Served}

// A Party is who ended a call.
type Party string

// Who may end a call.
const (
	ByCaller   Party = "caller"
	ByOperator Party = "operator"
	ByPeer     Party = "peer" // the network between: carrier, lost telephone
	ByUs       Party = "us"
)

// A Notice is the proof that the caller was told of the recording: which text, in which
// language, and when its first and last packet left.
type Notice struct {
	Key       string     `json:"key"`
	Language  Language   `json:"language"`            // the call's language
	Version   string     `json:"version"`             // hash of the text and sound played
	From      time.Time  `json:"from"`                // first packet sent
	To        time.Time  `json:"to"`                  // last packet sent
	Languages []Language `json:"languages,omitempty"` // all, in order, where more than one was played
}

// A Record is the row a call leaves: opened at its arrival, closed exactly once.
type Record struct {
	ID        ID
	Line      string // the line's number as in the configuration
	Trunk     string
	From      Number // empty where absent or withheld without one
	Withheld  bool
	Language  Language
	Queue     string
	Operator  string // who talked last
	Outcome   Outcome
	Phase     State // where an abandoned call was: ringing, greeting or waiting
	EndedBy   Party
	Code      int // SIP status of a refusal, 0 otherwise
	Arrived   time.Time
	Answered  time.Time     // zero: never
	Ended     time.Time     // zero: still open
	Waited    time.Duration // from entering the queue to the operator, or to the end
	Talked    time.Duration // joined to an operator, in all
	Recording string        // path relative to the data folder; empty: none
	Notice    *Notice

	Unrecorded Unrecorded // why there is no recording; empty: there is one, or the call was not answered

	Kind   Kind // what sort of call; empty is KindCall
	Linked ID   // of a consult: the call that waits for its end
}

// An Unrecorded is why a call that was answered has no recording.
type Unrecorded string

// The reasons.
const (
	UnrecordedPolicy  Unrecorded = "policy"      // nobody wants one of such a call
	UnrecordedDisk    Unrecorded = "disk"        // the disk took nothing
	UnrecordedNotice  Unrecorded = "notice"      // who is to be heard could not be told of it
	UnrecordedProcess Unrecorded = "process"     // it died before there was a file
	UnrecordedUnknown Unrecorded = "unexplained" // nothing says why: a fault of ours, or somebody took it away
)

// A Kind is a sort of call.
type Kind string

// The kinds of calls.
const (
	KindCall    Kind = "call"    // somebody called one of our lines
	KindConsult Kind = "consult" // an operator asked somebody while a caller waited
	KindOwn     Kind = "own"     // an operator's telephone called somebody

	KindCallback Kind = "callback" // we called somebody back
)

// An Event is one thing that happened to a call or an operator, in past tense
// ("call.arrived"), appended to the journal as it happens.
type Event struct {
	At   time.Time
	Call ID // empty for events of operators
	Name string
	Data map[string]string // never numbers, names of callers or keys pressed
}
