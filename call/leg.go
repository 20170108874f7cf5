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
	RoleThird      Role = "third" // neither caller nor operator: a directory entry or an outside number
)

// Info is what is known of a leg from its making on.
type Info struct {
	ID       string // our own, unique in the process
	Call     ID     // the call it belongs to
	Role     Role
	Trunk    string // carrier's name, for legs from the trunk side
	User     string // SIP user, for legs to and from operators' phones
	From     Number // the caller's number; empty if absent
	Withheld bool   // the caller asked for privacy, or gave "anonymous"
	// ShowHidden says that the carrier lets us show a withheld number: Withheld stays true, in the
	// record too, but operators see it.
	ShowHidden bool
	Diverted   Number // whom the call was meant for before it was diverted to us (RFC 5806, RFC 7044); empty: us
	Dialled    string // the dialled number or star code, as it arrived
	SIPCallID  string
	Remote     netip.AddrPort // where the signalling came from or goes to
	Unfit      int            // not 0: this INVITE cannot be answered, refuse it with this SIP status (488, 503)
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
	Cause  string // value of a Reason header (RFC 3326), such as `Q.850;cause=16`; empty: none
	Why    string // for our log
}

// A Holder is a leg whose telephone we can put on hold by a re-INVITE (RFC 3264 §8.4) and take
// back. It returns when the peer has agreed, refused, or ctx has ended; ErrGone after the end.
type Holder interface {
	Hold(ctx context.Context, on bool) error
}

// A RecordState says how a call is recorded, as the telephones in it are told (RFC 7866 §7.1.2). Empty: they
// are told nothing.
type RecordState string

// How a call may be recorded.
const (
	RecordOn     RecordState = "on"
	RecordOff    RecordState = "off"
	RecordPaused RecordState = "paused"
)

// An Indicator is a leg whose telephone can be told how the call is recorded, if it has said that it wants to
// know ("Supported: record-aware", RFC 7866 §6.3), and may say what its user would like.
type Indicator interface {
	// Indicate says how the call is recorded from now on: in the answer, if there was none yet, else by
	// a new offer. It does not wait, and what is said again is not sent again.
	Indicate(s RecordState)

	// Preference is what the telephone would like: on, off, pause or nopreference; empty: it has said
	// nothing. LegPreference tells each change after the answer.
	Preference() string
}

// An Early is an incoming leg that can carry sound before its answer: Progress sends 183 with
// our description of the session. It returns ErrGone if the peer has left before.
type Early interface {
	Progress(ctx context.Context) error
}

// A LegEventKind is what happened on a leg.
type LegEventKind string

// What may happen on a leg.
const (
	LegHeld    LegEventKind = "held"    // the peer put us on hold (sendonly, inactive or 0.0.0.0)
	LegResumed LegEventKind = "resumed" // and took us back
	LegEnded   LegEventKind = "ended"   // always the last

	// LegTransfer says that the telephone asks for a transfer; see LegEvent.Transfer.
	LegTransfer LegEventKind = "transfer"

	// LegPreference says that the telephone would like the recording to be otherwise; see
	// LegEvent.Preference. Nobody has to do what it says.
	LegPreference LegEventKind = "preference"
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
	Kind     LegEventKind
	Cause    Cause     // of LegEnded
	Q850     int       // of LegEnded: the cause in the peer's Reason header (RFC 3326), 0 if none
	Transfer *Transfer // of LegTransfer

	Preference string // of LegPreference: as Indicator.Preference
}

// A Transfer is what the telephone of a leg asks for by REFER (RFC 3515): that the one it talks
// to goes on to somebody else. Only legs of operators bring one.
type Transfer struct {
	// To is the user part of Refer-To, unescaped: an operator, a queue, a directory entry or a
	// number. Who it is decides the line.
	To string

	// Consult is the other leg of the same telephone that Replaces names (RFC 3891): the one to
	// go to is whoever that leg talks to. nil: a blind transfer to To.
	Consult Leg

	// Tell reports progress to the telephone (NOTIFY, RFC 3515 §2.4.5): 100, 180, then one
	// final status. It never waits; after a final status it does nothing.
	Tell func(code int)
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
	Forbidden   DialFailure = "forbidden"   // the allow-list or a cap does not let it out
)

// ErrElsewhere, as the cause of a dial's context, says that another telephone has answered: those
// that still ring are told so and show no missed call (RFC 3326 §2).
var ErrElsewhere = errors.New("answered elsewhere")

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

	AutoAnswer bool // the telephone is asked to answer by itself

	Record RecordState // how the call is recorded, for telephones that want to know

	// Ringing, where set, is told once that a telephone rings (180). It must not wait.
	Ringing func()
}

// An Outside asks for one leg out by a trunk.
type Outside struct {
	Call      ID
	To        Number // as it stands in the directory or was typed
	Line      string // number of the line: the caller id, and whose trunks are used
	Operator  string // who caused it; empty: the server itself
	Emergency bool   // has a channel of its own and is counted by no cap

	// Caller, of an emergency, is who needs help: their number is From and P-Asserted-Identity
	// (RFC 3325), and the line's stands in Diversion (RFC 5806). Hidden says that it was withheld: From
	// is anonymous then, and the number goes along with "Privacy: id", for those who may see it. Empty,
	// or no number: the line's number, as in every call.
	Caller Number
	Hidden bool

	// Ringing is as in Dial.
	Ringing func()

	// Early, where set, is told once of a leg whose sound is there before the answer (183 with
	// a description, RFC 3960). The leg is the one that the dial returns if it is answered.
	Early func(Leg)
}
