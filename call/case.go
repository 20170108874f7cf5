package call

import (
	"errors"
	"time"
)

// A Case is what becomes of a message: registered, numbered, sent to who answers it, answered in term.
type Case struct {
	ID       ID     // of the message: one message is one case
	Number   string // YYYY-NNNNNN; the year is that of the configured zone
	Call     ID
	Line     string
	From     Number
	Withheld bool
	Language Language
	Matter   Matter
	Topic    string
	Born     string // DDMMYYYY, of who left it; empty: not known

	// Confidential cases, about staff or corruption, are seen by the chief only.
	Confidential bool

	Unit     string // whose it is; empty: of no unit, or of the chief where it is confidential
	Assigned string // to whom in person; empty: nobody yet
	State    CaseState
	Why      CaseEnd // of one that was closed without an answer

	Opened    time.Time // when the message was left: terms run from then
	Term      CaseTerm
	Extra     int       // working days by which the term was extended; 0: not
	ForwardBy time.Time // by then it has to be with its unit
	AskBy     time.Time // by then missing details have to be asked for; zero: no such term
	Due       time.Time // the last moment of the term
	Forwarded time.Time // when the first receiver had it; zero: not yet
	Changed   time.Time // when its state last changed
	Answered  time.Time // zero: not yet

	Answer string
	Path   string        // of the sound, relative to the data folder
	Length time.Duration // of the sound
}

// Over reports whether nothing is owed to who left it: it was answered or closed.
func (c Case) Over() bool { return c.State == CaseAnswered || c.State == CaseClosed }

// A CaseState is how far a case is.
type CaseState string

// The states.
const (
	CaseRegistered CaseState = "registered"
	CaseAssigned   CaseState = "assigned" // somebody has it in person
	CaseAnswered   CaseState = "answered"
	CaseClosed     CaseState = "closed"
)

// CaseStates is the closed list.
var CaseStates = []CaseState{CaseRegistered, CaseAssigned, CaseAnswered, CaseClosed}

// A CaseEnd is why a case was closed without an answer.
type CaseEnd string

// The ends without an answer.
const (
	EndWithdrawn CaseEnd = "withdrawn" // by who left it
	EndRepeated  CaseEnd = "repeated"  // answered before, and nothing new in it
	EndEmpty     CaseEnd = "empty"     // nothing in it that could be answered
)

// CaseEnds is the closed list.
var CaseEnds = []CaseEnd{EndWithdrawn, EndRepeated, EndEmpty}

// A CaseTerm is how long an answer may take.
type CaseTerm string

// The terms. What each is in days, package cases knows.
const (
	TermOrdinary CaseTerm = "ordinary" // 15 working days; 7 where information is asked for
	TermStudy    CaseTerm = "study"    // 30: study or checking is needed
	TermUrgent   CaseTerm = "urgent"   // 24 hours: information that would lose its use
	TermLife     CaseTerm = "life"     // 48 hours: life, health or liberty is at risk
)

// CaseTerms is the closed list.
var CaseTerms = []CaseTerm{TermOrdinary, TermStudy, TermUrgent, TermLife}

// A CaseNote is one line of a case's history.
type CaseNote struct {
	At   time.Time
	Who  string // who did it; "hotline": the program
	What string // what was done, in past tense
	Note string // a person's own words; empty: none
}

// A CaseFilter chooses cases.
type CaseFilter struct {
	State        CaseState // empty: any
	Unit         string    // empty: any
	OverdueAt    time.Time // only those whose term was over by then and that are owed an answer; zero: any
	Open         bool      // only those that are owed an answer
	Confidential bool      // those, too
	Limit        int       // at most so many; 0: all
}

// A Delivery is something that a unit has to be told of a case. It is kept until the unit has it.
type Delivery struct {
	Case    ID
	Key     string // by which the receiver knows a double: the case's id, or with -50, -80, -100 a reminder
	Unit    string // empty: the chief
	Channel CaseChannel
	Percent int       // of the term that is over, for a reminder; 0: the case itself
	Tries   int       // that failed
	Next    time.Time // not before
	By      time.Time // it has to be there by then; zero: a reminder has no such time
	Fault   string    // the class of the last failure; empty: none
}

// A CaseChannel is a way to a unit.
type CaseChannel string

// The channels.
const (
	ByEmail   CaseChannel = "email"
	ByWebhook CaseChannel = "webhook"
)

// CaseChannels is the closed list.
var CaseChannels = []CaseChannel{ByEmail, ByWebhook}

// A Task is something that somebody has to do for a case: call who left it, for one.
type Task struct {
	ID      ID
	Case    ID
	Number  string // of the case
	Kind    TaskKind
	Made    time.Time
	Due     time.Time // to be done by then
	Next    time.Time // not to be tried before
	Tries   int       // that reached nobody
	Outcome TaskOutcome
	Changed time.Time
}

// A TaskKind is what is to be done.
type TaskKind string

// The kinds.
const (
	TaskCallback TaskKind = "callback" // tell the answer by telephone
	TaskLetter   TaskKind = "letter"   // tell it in writing: the telephone reached nobody
)

// A TaskOutcome is how a task ended.
type TaskOutcome string

// The outcomes.
const (
	TaskOpen      TaskOutcome = ""
	TaskDone      TaskOutcome = "done"
	TaskNotThere  TaskOutcome = "not_reached" // as often as it is tried
	TaskCancelled TaskOutcome = "cancelled"
)

// A CaseChange is what goes with a change of a case, in the same transaction.
type CaseChange struct {
	Notes []CaseNote
	Drop  bool       // what the units were still to be told is told no more
	Tell  []Delivery // what they are to be told; one that is there already and was told stays told
	Tasks []Task
}

// CaseCounts are how many cases there are.
type CaseCounts struct {
	Open    map[CaseState]int // that are owed an answer
	Overdue int               // of these, those whose term is over
	Waiting int               // deliveries that are due and have not arrived
	Late    int               // of these, cases that should have been with their unit by now
}

// ErrNoCase says that there is no case of that number.
var ErrNoCase = errors.New("no such case")
