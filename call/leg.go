package call

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// A Role says whose telephone a leg is. It is fixed when the leg is made.
type Role string

// The roles.
const (
	RoleCaller     Role = "caller"
	RoleOperator   Role = "operator"
	RoleSupervisor Role = "supervisor"
)

// Info is what is known of a leg from its making on.
type Info struct {
	ID        string // our own, unique in the process
	Call      ID     // the call it belongs to
	Role      Role
	Trunk     string // carrier's name, for legs from the trunk side
	User      string // SIP user, for legs to and from operators' phones
	From      Number // the caller's number; empty if absent
	Withheld  bool   // the caller asked for privacy, or gave "anonymous"
	Dialled   string // the dialled number or star code, as it arrived
	SIPCallID string
	Remote    netip.AddrPort // where the signalling came from or goes to
	Unfit     int            // not 0: this INVITE cannot be answered, refuse it with this SIP status (488, 503)
}

// A Leg is one telephone taking part in a call. Built by sip (and desk, for browsers).
//
// All methods may be called from any goroutine and after the end; a method that comes too
// late returns ErrGone or does nothing.
type Leg interface {
	Info() Info

	// Ring sends 180 Ringing on an incoming leg that is not answered yet.
	Ring()

	// Answer accepts an incoming leg. It returns when sound may flow: after the 200 has been
	// sent, or, where the offer was left to us, after the ACK brought the peer's answer
	// (RFC 3261 §13.2.1). It returns ErrGone if the peer has left before.
	Answer(ctx context.Context) error

	// Hangup ends the leg: CANCEL or the refusal r.Code before the answer, BYE after it.
	// The first Hangup counts; it does not wait for the peer's reply. Ended still follows on Events.
	Hangup(r Reason)

	// Events tells what the peer does, in order. The last event is Ended; the channel is
	// closed after it. It is buffered: a slow reader never blocks the signalling.
	Events() <-chan LegEvent

	// Audio is the leg's sound. Never nil.
	Audio() Audio
}

// ErrGone says that the peer has left, or the leg has ended, before what was asked could be done.
var ErrGone = errors.New("the leg is gone")

// A Reason is why we end or refuse a leg. Code and Phrase go on the wire, Why does not.
// Phrase has no names, no numbers and no words of our insides.
type Reason struct {
	Code   int    // SIP status before the answer; 0 means 480
	Phrase string // "Busy Here"; empty takes the standard phrase
	Why    string // for our log
}

// A LegEventKind is what happened on a leg.
type LegEventKind string

// What may happen on a leg.
const (
	LegHeld    LegEventKind = "held"    // the peer put us on hold (sendonly, inactive or 0.0.0.0)
	LegResumed LegEventKind = "resumed" // and took us back
	LegEnded   LegEventKind = "ended"   // always the last
)

// A Cause is why a leg ended.
type Cause string

// Why a leg may have ended.
const (
	CauseHangup    Cause = "hangup"     // the peer said BYE
	CauseCancelled Cause = "cancelled"  // the peer said CANCEL before the answer
	CauseOurs      Cause = "ours"       // we hung up, refused or withdrew
	CauseMediaLost Cause = "media_lost" // no sound, and two OPTIONS told or went unanswered
	CauseNoACK     Cause = "no_ack"     // our 200 was never acknowledged in 32 s (RFC 3261 §13.3.1.4)
	CauseFailed    Cause = "failed"     // the transport or the dialog broke
)

// A LegEvent is one thing that happened on a leg.
type LegEvent struct {
	Kind  LegEventKind
	Cause Cause // of LegEnded
}

// A DialFailure is why an operator's phone did not take an offer.
type DialFailure string

// Why a dial may fail.
const (
	NoAnswer    DialFailure = "no_answer"   // it rang until the context ended
	Busy        DialFailure = "busy"        // 486, 600
	Declined    DialFailure = "declined"    // 603, 480 and other final refusals after ringing
	Unreachable DialFailure = "unreachable" // no contact, no provisional within 4 s, transport error, 404, 408, 5xx
	Withdrawn   DialFailure = "withdrawn"   // the context was cancelled: we no longer want it
)

// A DialError is the error of a dial that brought no leg.
type DialError struct {
	Failure DialFailure
	Code    int // last SIP status, 0 if none
}

func (e *DialError) Error() string { return fmt.Sprintf("dial: %s (%d)", e.Failure, e.Code) }

// A Dial asks for one operator's phones to be rung.
type Dial struct {
	Call     ID
	User     string // SIP user of the operator
	From     Number // shown as From user; "anonymous" where Withheld or empty
	Withheld bool
	Display  string // From display name: line and language, "919 Русский"
}
