package queue

import (
	"time"

	"hotline/call"
)

// An Event is one thing that happened outside: Entered, Left, Reported, OperatorsSet, RulesSet,
// PhoneChanged, Paused, Resumed, OwnCallChanged, Reserved, Released, Transferred or Tick. Any event
// may come at any time, late or twice; what no longer matters changes nothing.
type Event interface{ event() }

// Entered says that a caller begins to wait. It is answered by Queued or Refused.
type Entered struct{ Ticket Ticket }

// Left says that the caller is gone, or that the talk is over: the operator goes to wrap-up, or
// is ready again if there was only an offer. It is answered by Finished, unless the call is unknown.
type Left struct{ Call call.ID }

// Reported is the outcome of an order to ring, or later the loss of the operator. It is always
// answered by Replied.
type Reported struct {
	Call     call.ID
	Operator string
	Result   Result
}

// OperatorsSet is the whole list of operators, at the start and after each edit.
type OperatorsSet struct{ Operators []Operator }

// RulesSet is the whole list of queues, after a reload. A queue that is no longer in it takes no
// new callers and is kept until the last of its callers has gone.
type RulesSet struct{ Rules []Rules }

// PhoneChanged is what the registrar says of an operator's phone. Fresh: it had no contact
// before (also after a restart of ours); a refresh is not fresh and makes nobody ready.
type PhoneChanged struct {
	Operator   string
	Registered bool
	Fresh      bool
}

// Paused says that the operator does not want to be rung. It is Refused for an unknown operator.
type Paused struct{ Operator, Reason string }

// Resumed says that the operator wants to be rung: it ends a pause, a wrap-up and a rest. It is
// Refused for an unknown operator.
type Resumed struct{ Operator string }

// OwnCallChanged says that the operator's telephone has made a call, or that such a call is over.
// They are counted: a telephone may make two at once.
type OwnCallChanged struct {
	Operator string
	On       bool
}

// Reserved asks for an operator outside the queues: for a transfer, or for a colleague's call. It
// is answered by Replied; where that stands, the operator counts as talking until Released or
// Transferred says otherwise, and is offered nobody. A pause or a wrap-up is no hindrance: whoever
// calls knows whom. One who is in a call, or is being rung, is not reserved.
type Reserved struct{ Operator string }

// Released says that nobody has the operator any more who was reserved.
type Released struct{ Operator string }

// Transferred says that the operator of a talk has handed the caller on: to another one, who is
// reserved, or (To empty) to somebody who is no operator, which ends the call's part here. The
// first goes to wrap-up. It is answered by Replied.
type Transferred struct {
	Call call.ID
	To   string
}

// Tick says only that time has passed: it answers Wake.
type Tick struct{}

func (Entered) event()        {}
func (Left) event()           {}
func (Reported) event()       {}
func (OperatorsSet) event()   {}
func (RulesSet) event()       {}
func (PhoneChanged) event()   {}
func (Paused) event()         {}
func (Resumed) event()        {}
func (OwnCallChanged) event() {}
func (Reserved) event()       {}
func (Released) event()       {}
func (Transferred) event()    {}
func (Tick) event()           {}

// A Command is what the runner has to do or to note: Queued, Offered, Withdrawn, Replied,
// Connected, Abandoned, Finished, OperatorChanged, Refused or Wake.
type Command interface{ command() }

// Queued notes that a caller waits from now on.
type Queued struct {
	Call     call.ID
	Queue    string
	Language call.Language
	Position int  // in the queue, from 1
	Again    bool // came back: the operator vanished, or hung up before being joined
	Why      Why  // WhyEntered, WhyLost or WhyBusy
}

// Offered asks the owner of the call to ring the operator until Deadline, and says why this one.
type Offered struct {
	Call     call.ID
	Queue    string
	Language call.Language
	Operator string
	Deadline time.Time
	Waited   time.Duration // of the caller, since it was queued
	Idle     time.Duration // of the operator: the longest of those who fit
	Free     int           // how many operators fit, this one included
}

// Withdrawn asks the owner of the call to stop ringing the operator; no report is due.
type Withdrawn struct {
	Call     call.ID
	Operator string
	Why      Why
}

// Replied answers Reported: whether the operator has the call after it. For Answered that is
// whether the offer still stood; for other results it means nothing. It also answers Reserved
// and Transferred: whether it could be done.
type Replied struct {
	Call     call.ID
	Operator string
	Stood    bool
}

// Connected notes that the caller's wait ended with an operator.
type Connected struct {
	Call     call.ID
	Queue    string
	Operator string
	Waited   time.Duration // since it was queued
	InTarget bool          // Waited is within the queue's Target
	Again    bool          // had an operator before: its first wait was counted
}

// Abandoned notes that the caller left without ever having had an operator.
type Abandoned struct {
	Call   call.ID
	Queue  string
	Waited time.Duration // since it was queued
}

// Finished says that nothing more will come for the call.
type Finished struct{ Call call.ID }

// OperatorChanged notes an operator's new state.
type OperatorChanged struct {
	Operator string
	From, To OperatorState
	Call     call.ID   // of an offer or a talk, else empty
	Why      Why       // what caused it
	Reason   string    // of a pause, as the operator gave it
	At       time.Time // when it fell due; for timers that is before the step that noticed
}

// Refused answers an event that cannot be: ErrNoQueue, ErrDoubled, ErrNoOperator.
type Refused struct{ Err error }

// Wake is the last command of every step: it asks for a Tick at At. Zero: nothing is due.
type Wake struct{ At time.Time }

func (Queued) command()          {}
func (Offered) command()         {}
func (Withdrawn) command()       {}
func (Replied) command()         {}
func (Connected) command()       {}
func (Abandoned) command()       {}
func (Finished) command()        {}
func (OperatorChanged) command() {}
func (Refused) command()         {}
func (Wake) command()            {}

// A Why is the cause of a command, for the journal. The list is closed.
type Why string

// The causes.
const (
	WhyEntered      Why = "entered"       // the caller came to the queue
	WhyOffered      Why = "offered"       // the longest idle of those who fit
	WhyAnswered     Why = "answered"      // the operator took the offer
	WhyNoAnswer     Why = "no_answer"     // rang in vain
	WhyBusy         Why = "busy"          // busy or declined
	WhyUnreachable  Why = "unreachable"   // the phone did not react
	WhyLost         Why = "lost"          // the operator vanished out of the talk
	WhyOverdue      Why = "overdue"       // nobody reported what became of the offer
	WhyCallerLeft   Why = "caller_left"   // before an operator answered
	WhyCallEnded    Why = "call_ended"    // the talk is over
	WhyWrapUpEnded  Why = "wrap_up_ended" // by time
	WhyRested       Why = "rested"        // an unreachable phone is tried again
	WhyRegistered   Why = "registered"
	WhyUnregistered Why = "unregistered"
	WhyPaused       Why = "paused"
	WhyResumed      Why = "resumed"
	WhyOwnCall      Why = "own_call" // a call of the operator's own began
	WhyOwnCallEnded Why = "own_call_ended"
	WhyReserved     Why = "reserved"    // for a transfer or a colleague's call
	WhyReleased     Why = "released"    // nobody has them any more
	WhyTransferred  Why = "transferred" // the caller was handed on
	WhyEdited       Why = "edited"      // the operator's data changed
	WhyRemoved      Why = "removed"     // the operator is no longer one
)
