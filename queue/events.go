package queue

import (
	"time"

	"hotline/call"
)

// An Event is one thing that happened outside. Any event may come at any time, late or twice; what
// no longer matters changes nothing.
type Event interface{ event() }

// Of callers.
type (
	// Entered says that a caller begins to wait. It is answered by Queued or Refused.
	Entered struct{ Ticket Ticket }

	// Left says that the caller is gone, or that the talk is over: the operator goes to wrap-up, or
	// is ready again if there was only an offer. It is answered by Finished, unless the call is unknown.
	Left struct{ Call call.ID }

	// Reported is the outcome of an order to ring, or later the loss of the operator. It is always
	// answered by Replied.
	Reported struct {
		Call     call.ID
		Operator string
		Result   Result
	}

	// Held says that the operator of a talk has put the caller on hold, or taken them back.
	Held struct {
		Call call.ID
		On   bool
	}

	// Transferred says that the operator of a talk has handed the caller on: to another one, who is
	// reserved, or (To empty) to somebody who is no operator, which ends the call's part here. The
	// first goes to wrap-up. It is answered by Replied.
	Transferred struct {
		Call call.ID
		To   string
	}

	// Prioritised gives one caller who waits a head start of their own, on top of the queue's.
	Prioritised struct {
		Call      call.ID
		HeadStart time.Duration
	}

	// Told says that a caller was told how long it will take, to measure how wrong that was. The
	// first time counts.
	Told struct {
		Call call.ID
		Wait time.Duration
	}
)

// Of callbacks.
type (
	// CallbackAsked puts somebody in the line who will be called: in the place of the call that
	// asks (Ticket.For), which thereby leaves, or where that does not wait, as the ticket says.
	// Answered by Queued or Refused (ErrCallbackOpen; ErrNoCall: the one who asks talks).
	CallbackAsked struct{ Ticket Ticket }

	// CallbackReached says that whoever was to be called has answered and heard the notice: the two
	// are joined.
	CallbackReached struct{ Call call.ID }

	// CallbackFailed says that the operator was there, but not whoever was to be called. Final: it
	// is not tried again.
	CallbackFailed struct {
		Call  call.ID
		Final bool
	}

	// HoursSet says that a queue's hours begin or end. Outside them nobody is called back. Who waits
	// on the line is served on.
	HoursSet struct {
		Queue string
		Open  bool
	}
)

// Of operators.
type (
	// OperatorsSet is the whole list of operators, at the start and after each edit.
	OperatorsSet struct{ Operators []Operator }

	// PhoneChanged is what the registrar says of an operator's phone. Fresh: it had no contact
	// before; a refresh is not fresh and makes nobody ready.
	PhoneChanged struct {
		Operator   string
		Registered bool
		Fresh      bool
	}

	// Paused says that the operator does not want to be rung. It is Refused for an unknown operator,
	// and where the house keeps a cover that this would break; Force asks nobody.
	Paused struct {
		Operator, Reason string
		Force            bool
	}

	// Resumed says that the operator wants to be rung: it ends a pause, a wrap-up and a rest. It is
	// Refused for an unknown operator.
	Resumed struct{ Operator string }

	// WrapUpExtended asks for another wrap-up's time, also before the talk is over.
	WrapUpExtended struct{ Operator string }

	// Disposed says what the operator's last call was about.
	Disposed struct{ Operator, Topic string }

	// OwnCallChanged says that the operator's telephone has made a call, or that such a call is over.
	// They are counted: a telephone may make two at once.
	OwnCallChanged struct {
		Operator string
		On       bool
	}

	// Reserved asks for an operator outside the queues: for a transfer, or for a colleague's call. It
	// is answered by Replied; where that stands, the operator counts as talking until Released or
	// Transferred says otherwise, and is offered nobody. A pause or a wrap-up is no hindrance: whoever
	// calls knows whom. One who is in a call, or is being rung, is not reserved.
	Reserved struct{ Operator string }

	// Released says that nobody has the operator any more who was reserved.
	Released struct{ Operator string }
)

// Of the house.
type (
	// RulesSet is the whole list of queues, after a reload. A queue that is no longer in it takes no
	// new callers and is kept until the last of its callers has gone.
	RulesSet struct {
		Rules []Rules
		House House
	}

	// Restarted says that the process has begun anew on the journal of one that ended: everybody who
	// was on the line is gone, and no telephone is known. Callbacks, pauses and wrap-ups stay.
	Restarted struct{}

	// PhonesTold says that after Restarted all telephones that are still registered were told of:
	// operators of others have signed off.
	PhonesTold struct{}

	// Tick says only that time has passed: it answers Wake.
	Tick struct{}
)

func (Entered) event()         {}
func (Left) event()            {}
func (Reported) event()        {}
func (Held) event()            {}
func (Transferred) event()     {}
func (Prioritised) event()     {}
func (Told) event()            {}
func (CallbackAsked) event()   {}
func (CallbackReached) event() {}
func (CallbackFailed) event()  {}
func (HoursSet) event()        {}
func (OperatorsSet) event()    {}
func (PhoneChanged) event()    {}
func (Paused) event()          {}
func (Resumed) event()         {}
func (WrapUpExtended) event()  {}
func (Disposed) event()        {}
func (OwnCallChanged) event()  {}
func (Reserved) event()        {}
func (Released) event()        {}
func (RulesSet) event()        {}
func (Restarted) event()       {}
func (PhonesTold) event()      {}
func (Tick) event()            {}
