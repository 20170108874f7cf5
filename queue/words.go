package queue

import (
	"time"

	"hotline/call"
)

// Rules are one queue's settings.
type Rules struct {
	Name            string
	Target          time.Duration // service level threshold
	Short           time.Duration // who leaves sooner has changed their mind: counted apart; 0: nobody
	Offer           time.Duration // how long one operator is rung
	WrapUp          time.Duration // after each call; 0 for none
	ReadyOnRegister bool          // a phone that becomes registered makes its operator ready

	Strategy     Strategy      // empty: LongestIdle
	AtOnce       int           // of RingSeveral: how many telephones ring for one caller, 2 to MostAtOnce
	HeadStart    time.Duration // the queue's priority: its callers count as having waited so much longer
	Steps        []Step        // by After; what an operator must know. None: the language, at any level
	LastOperator time.Duration // how long a caller waits for the operator of last time alone; 0: not at all
	Overflow     []Overflow    // by After; whose operators are asked, too, while a caller waits
	Limit        int           // how many callers may wait; 0: any number
	Longest      time.Duration // how long one waits at most; 0: without end
	PauseAfter   int           // so many missed offers in a row pause the operator; 0: never
	Callback     Callback
}

// A Strategy is how one of several free operators is chosen. The list is closed.
type Strategy string

// The strategies.
const (
	LongestIdle Strategy = "longest-idle" // who has been ready longest
	LeastTalk   Strategy = "least-talk"   // who has talked least since signing on
	RoundRobin  Strategy = "round-robin"  // the next by name
	RingSeveral Strategy = "ring-several" // the AtOnce longest idle; the first to answer has the caller
	ByLevel     Strategy = "level"        // who knows best what is needed
)

// Strategies is the closed list, in the order of the documentation.
var Strategies = []Strategy{LongestIdle, LeastTalk, RoundRobin, RingSeveral, ByLevel}

// MostAtOnce bounds how many telephones ring for one caller.
const MostAtOnce = 10

// A Step says what an operator must know to be offered a caller who has waited for After. It
// replaces the step before it.
type Step struct {
	After    time.Duration
	Language int     // the least level in the caller's language, 1 to 5; 0: it is not needed
	Skills   []Skill // each at least at its level
}

// A Skill is something an operator knows, and how well: from MinLevel to MaxLevel. Languages are
// skills whose name is their code.
type Skill struct {
	Name  string
	Level int
}

// Levels of skills.
const (
	MinLevel   = 1
	UsualLevel = 3 // of a language for which none is given
	MaxLevel   = 5
)

// An Overflow lets the operators of another queue take callers who have waited for After. The
// callers stay in their queue, and keep their place in it.
type Overflow struct {
	After time.Duration
	To    string // name of the other queue
}

// A Callback is how often somebody is called back who left a number in the queue.
type Callback struct {
	Tries int           // at most; 0 counts as 1
	Pause time.Duration // between two of them
}

// A House is what holds for all queues.
type House struct {
	Cover  []Cover // how many are to be at work
	Refuse bool    // a pause that leaves fewer is refused; else it is told
}

// A Cover is how many operators who speak a language are to be at work, neither paused nor away.
type Cover struct {
	Language  call.Language
	Operators int
}

// An Operator is a person who takes calls.
type Operator struct {
	Name      string // also the SIP user
	Languages []call.Language
	Skills    []Skill  // one with a language's name is the level in it
	Queues    []string // those that come first are taken first; empty: every queue alike
	Disabled  bool
}

// level is how well the operator knows something; 0: not at all.
func (o *Operator) level(name string) int {
	for _, s := range o.Skills {
		if s.Name == name {
			return s.Level
		}
	}
	for _, l := range o.Languages {
		if string(l) == name {
			return UsualLevel
		}
	}
	return 0
}

// speaks reports whether the operator speaks a language at all. A caller with none makes no demand.
func (o *Operator) speaks(l call.Language) bool { return l == "" || o.level(string(l)) > 0 }

// A Ticket is what a caller enters a queue with.
type Ticket struct {
	Call     call.ID
	Queue    string
	Language call.Language
	Arrived  time.Time // of the call: decides the order, kept when the caller comes back
	Last     string    // the operator of last time; empty: unknown
	Passed   bool      `json:",omitempty"` // put through by an operator of another queue: let in however many wait

	// Of a callback: who is called, in the one spelling in which numbers are compared, and the call
	// that asked for it, which may be over. Empty: somebody who waits on the line.
	Party string
	For   call.ID

	// Of a callback after an investigation: the number of the case. It is tried once, and never in the
	// place of another call.
	Case string `json:",omitempty"`
}

// callback reports whether nobody waits on the line: somebody is to be called.
func (t *Ticket) callback() bool { return t.Party != "" }

// tries is how often whoever is called back may be tried, by the rules of the queue.
func (t *Ticket) tries(r Callback) int {
	if t.Case != "" {
		return 1
	}
	return max(1, r.Tries)
}

// An OrderKind is what the floor asks the owner of a call to do.
type OrderKind string

// The orders.
const (
	Ring     OrderKind = "ring"     // ring Operator until Deadline, then Report
	Withdraw OrderKind = "withdraw" // stop ringing Operator; no Report is due
	Expire   OrderKind = "expire"   // the longest wait is over: nobody will be rung any more
)

// An Order is sent by the floor to the goroutine that owns the call.
type Order struct {
	Kind     OrderKind
	Operator string
	Deadline time.Time // of Ring
}

// A Result is what became of an order to ring, or later of the operator.
type Result string

// The results an owner reports.
const (
	Answered    Result = "answered"    // the operator's phone answered; the report's answer says whether the offer still stood
	NoAnswer    Result = "no_answer"   // rang until the deadline
	Busy        Result = "busy"        // busy or declined; after Answered: hung up before being joined
	Unreachable Result = "unreachable" // no contact, no provisional in 4 s, transport error
	Lost        Result = "lost"        // vanished after it had answered: the caller goes back to the head
)
