package queue

import (
	"time"

	"hotline/call"
)

// Rules are one queue's settings.
type Rules struct {
	Name            string
	Target          time.Duration // service level threshold
	Offer           time.Duration // how long one operator is rung
	WrapUp          time.Duration // after each call; 0 for none
	ReadyOnRegister bool          // a phone that becomes registered makes its operator ready
}

// An Operator is a person who takes calls.
type Operator struct {
	Name      string // also the SIP user
	Languages []call.Language
	Queues    []string // empty: every queue
	Disabled  bool
}

// A Ticket is what a caller enters a queue with.
type Ticket struct {
	Call     call.ID
	Queue    string
	Language call.Language
	Arrived  time.Time // of the call: decides the order, kept when the caller comes back
}

// An OrderKind is what the floor asks the owner of a call to do.
type OrderKind string

// The orders.
const (
	Ring     OrderKind = "ring"     // ring Operator until Deadline, then Report
	Withdraw OrderKind = "withdraw" // stop ringing Operator; no Report is due
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
