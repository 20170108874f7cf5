package queue

import (
	"time"

	"hotline/call"
)

// A Command is what the runner has to do or to note. All of them can be compared with ==.
type Command interface{ command() }

// Of callers.
type (
	// Queued notes that a caller waits from now on.
	Queued struct {
		Call     call.ID
		Queue    string
		Language call.Language
		Position int  // in the queue, from 1
		Again    bool // came back: the operator vanished, or hung up before being joined
		Callback bool // nobody is on the line
		Why      Why  // WhyEntered, WhyLost or WhyBusy
		Staff    Staff
	}

	// Relaxed notes that a caller has waited long enough for a later step of what is needed.
	Relaxed struct {
		Call   call.ID
		Queue  string
		Step   int // from 1
		Waited time.Duration
	}

	// Overflowed notes that the operators of another queue may take the caller, too.
	Overflowed struct {
		Call      call.ID
		Queue, To string
		Waited    time.Duration
	}

	// Expired asks the owner of the call to let the caller go: the longest wait is over.
	Expired struct {
		Call   call.ID
		Queue  string
		Waited time.Duration
	}

	// Connected notes that the caller's wait ended with an operator.
	Connected struct {
		Call     call.ID
		Queue    string
		Language call.Language
		Operator string
		Waited   time.Duration // since it was queued
		InTarget bool          // Waited is within the queue's Target
		Again    bool          // had an operator before: its first wait was counted
		Callback bool          // was called
		Told     bool          // was told how long it would take
		Error    time.Duration // of that: how much longer it took than said
	}

	// Abandoned notes that the caller left without ever having had an operator.
	Abandoned struct {
		Call     call.ID
		Queue    string
		Language call.Language
		Waited   time.Duration // since it was queued
		InTarget bool          // left within the queue's Target
		Short    bool          // so soon that it does not count
		Expired  bool          // the longest wait was over
	}

	// CallbackClosed notes that somebody will not be called any more.
	CallbackClosed struct {
		Call    call.ID
		Queue   string
		Outcome CallbackOutcome
		Tries   int
		Waited  time.Duration // since the call that asked for it was queued
	}

	// CallbackMissed notes a try that did not reach whoever was to be called.
	CallbackMissed struct {
		Call  call.ID
		Try   int
		Again time.Time // not before
	}

	// Finished says that nothing more will come for the call.
	Finished struct{ Call call.ID }

	// Disposition notes what a call was about.
	Disposition struct {
		Call            call.ID
		Operator, Topic string
	}
)

// Of offers.
type (
	// Offered asks the owner of the call to ring the operator until Deadline, and says why this one.
	Offered struct {
		Call     call.ID
		Queue    string
		Language call.Language
		Operator string
		Deadline time.Time
		Waited   time.Duration // of the caller, since it was queued
		Idle     time.Duration // of the operator
		Free     int           // how many operators fit, this one included
		By       Strategy      // that chose among them; empty: it is the operator of last time
	}

	// Withdrawn asks the owner of the call to stop ringing the operator; no report is due.
	Withdrawn struct {
		Call     call.ID
		Operator string
		Why      Why
	}

	// Missed notes an offer that the operator let pass.
	Missed struct {
		Call     call.ID
		Queue    string
		Operator string
		Why      Why // WhyNoAnswer, WhyBusy, WhyUnreachable or WhyOverdue
		InRow    int // missed one after another
	}

	// Replied answers Reported: whether the operator has the call after it. For Answered that is
	// whether the offer still stood; for other results it means nothing. It also answers Reserved
	// and Transferred: whether it could be done.
	Replied struct {
		Call     call.ID
		Operator string
		Stood    bool
	}
)

// Of operators, and of the runner.
type (
	// OperatorChanged notes an operator's new state.
	OperatorChanged struct {
		Operator string
		From, To OperatorState
		Call     call.ID   // of an offer or a talk, else empty
		Why      Why       // what caused it
		Reason   string    // of a pause, as the operator gave it
		At       time.Time // when it fell due; for timers that is before the step that noticed
	}

	// WrapUpMoved notes that a wrap-up ends later than it did.
	WrapUpMoved struct {
		Operator string
		Until    time.Time // zero: after the talk
	}

	// Uncovered warns that fewer operators who speak a language are at work than there should be.
	Uncovered struct {
		Operator   string // whose pause it was
		Language   call.Language
		Have, Need int
	}

	// Refused answers an event that cannot be: ErrNoQueue, ErrDoubled, ErrNoOperator and so on.
	Refused struct{ Err error }

	// Wake is the last command of every step: it asks for a Tick at At. Zero: nothing is due.
	Wake struct{ At time.Time }
)

func (Queued) command()          {}
func (Relaxed) command()         {}
func (Overflowed) command()      {}
func (Expired) command()         {}
func (Connected) command()       {}
func (Abandoned) command()       {}
func (CallbackClosed) command()  {}
func (CallbackMissed) command()  {}
func (Finished) command()        {}
func (Disposition) command()     {}
func (Offered) command()         {}
func (Withdrawn) command()       {}
func (Missed) command()          {}
func (Replied) command()         {}
func (OperatorChanged) command() {}
func (WrapUpMoved) command()     {}
func (Uncovered) command()       {}
func (Refused) command()         {}
func (Wake) command()            {}

// A CallbackOutcome is how a callback ended. The list is closed.
type CallbackOutcome string

// The outcomes of callbacks.
const (
	CallbackDone      CallbackOutcome = "reached"   // the two talked
	CallbackGivenUp   CallbackOutcome = "failed"    // as often as the rules say
	CallbackCancelled CallbackOutcome = "cancelled" // by whoever was to be called, or by us
)

// CallbackOutcomes is the closed list.
var CallbackOutcomes = []CallbackOutcome{CallbackDone, CallbackGivenUp, CallbackCancelled}

// A Why is the cause of a command, for the journal. The list is closed.
type Why string

// The causes.
const (
	WhyEntered       Why = "entered"       // the caller came to the queue
	WhyOffered       Why = "offered"       // chosen among those who fit
	WhyAnswered      Why = "answered"      // the operator took the offer
	WhyNoAnswer      Why = "no_answer"     // rang in vain
	WhyBusy          Why = "busy"          // busy or declined
	WhyUnreachable   Why = "unreachable"   // the phone did not react
	WhyLost          Why = "lost"          // the operator vanished out of the talk
	WhyOverdue       Why = "overdue"       // nobody reported what became of the offer
	WhyElsewhere     Why = "elsewhere"     // another operator answered first
	WhyMissed        Why = "missed"        // too many offers in a row: paused by the house
	WhyCallerLeft    Why = "caller_left"   // before an operator answered
	WhyHoursOver     Why = "hours_over"    // nobody is called back any more
	WhyCallEnded     Why = "call_ended"    // the talk is over
	WhyWrapUpEnded   Why = "wrap_up_ended" // by time
	WhyRested        Why = "rested"        // an unreachable phone is tried again
	WhyRegistered    Why = "registered"
	WhyUnregistered  Why = "unregistered"
	WhyPaused        Why = "paused"
	WhyResumed       Why = "resumed"
	WhyHeld          Why = "held"       // the caller was put on hold
	WhyTakenBack     Why = "taken_back" // and taken back
	WhyOwnCall       Why = "own_call"   // a call of the operator's own began
	WhyOwnCallEnded  Why = "own_call_ended"
	WhyReserved      Why = "reserved"    // for a transfer or a colleague's call
	WhyReleased      Why = "released"    // nobody has them any more
	WhyTransferred   Why = "transferred" // the caller was handed on
	WhyNotReached    Why = "not_reached" // whoever was to be called back did not answer
	WhyEdited        Why = "edited"      // the operator's data changed
	WhyRemoved       Why = "removed"     // the operator is no longer one
	WhyRestarted     Why = "restarted"   // the process began anew
	WhyAskedCallback Why = "callback"    // the caller prefers to be called
)
