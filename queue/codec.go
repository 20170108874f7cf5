package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"hotline/call"
)

// A codec is how one type of event or command is written and read. The names are on disk: each keeps
// its meaning for ever, and so do the names of the types' fields.
type codec[I any] struct {
	kind string
	of   reflect.Type
	read func([]byte) (I, error)
}

func eventOf[T Event](kind string) codec[Event] {
	return codec[Event]{kind, reflect.TypeFor[T](), func(b []byte) (Event, error) {
		var v T
		err := json.Unmarshal(b, &v)
		return v, err
	}}
}

func commandOf[T Command](kind string) codec[Command] {
	return codec[Command]{kind, reflect.TypeFor[T](), func(b []byte) (Command, error) {
		var v T
		err := json.Unmarshal(b, &v)
		return v, err
	}}
}

var eventCodecs = []codec[Event]{
	eventOf[Entered]("entered"), eventOf[Left]("left"), eventOf[Reported]("reported"), eventOf[Held]("held"),
	eventOf[Transferred]("transferred"), eventOf[Prioritised]("prioritised"), eventOf[Told]("told"),
	eventOf[CallbackAsked]("callback_asked"), eventOf[CallbackReached]("callback_reached"),
	eventOf[CallbackFailed]("callback_failed"), eventOf[HoursSet]("hours_set"),
	eventOf[OperatorsSet]("operators_set"), eventOf[PhoneChanged]("phone_changed"), eventOf[Paused]("paused"),
	eventOf[Resumed]("resumed"), eventOf[WrapUpExtended]("wrap_up_extended"), eventOf[Disposed]("disposed"),
	eventOf[OwnCallChanged]("own_call_changed"), eventOf[Reserved]("reserved"), eventOf[Released]("released"),
	eventOf[RulesSet]("rules_set"), eventOf[Restarted]("restarted"), eventOf[PhonesTold]("phones_told"), eventOf[Tick]("tick"),
}

var commandCodecs = []codec[Command]{
	commandOf[Queued]("queued"), commandOf[Relaxed]("relaxed"), commandOf[Overflowed]("overflowed"),
	commandOf[Expired]("expired"), commandOf[Connected]("connected"), commandOf[Abandoned]("abandoned"),
	commandOf[CallbackClosed]("callback_closed"), commandOf[CallbackMissed]("callback_missed"),
	commandOf[Finished]("finished"), commandOf[Disposition]("disposition"), commandOf[Offered]("offered"),
	commandOf[Withdrawn]("withdrawn"), commandOf[Missed]("missed"), commandOf[Replied]("replied"),
	commandOf[OperatorChanged]("operator_changed"), commandOf[WrapUpMoved]("wrap_up_moved"),
	commandOf[Uncovered]("uncovered"), commandOf[Refused]("refused"), commandOf[Wake]("wake"),
}

// ErrNoKind says that an event or a command has a kind that this release does not know.
var ErrNoKind = errors.New("unknown kind")

func find[I any](codecs []codec[I], of reflect.Type) (string, error) {
	for _, c := range codecs {
		if c.of == of {
			return c.kind, nil
		}
	}
	return "", fmt.Errorf("%v: %w", of, ErrNoKind)
}

func read[I any](codecs []codec[I], kind string, b []byte) (v I, err error) {
	for _, c := range codecs {
		if c.kind == kind {
			if v, err = c.read(b); err != nil {
				err = fmt.Errorf("read %q: %w", kind, err)
			}
			return v, err
		}
	}
	return v, fmt.Errorf("read %q: %w", kind, ErrNoKind)
}

// EncodeEvent writes an event as its kind and JSON.
func EncodeEvent(ev Event) (kind string, b []byte, err error) {
	if kind, err = find(eventCodecs, reflect.TypeOf(ev)); err == nil {
		b, err = json.Marshal(ev)
	}
	if err != nil {
		return "", nil, fmt.Errorf("write an event: %w", err)
	}
	return kind, b, nil
}

// DecodeEvent reads what EncodeEvent wrote. ErrNoKind: a newer release knows it.
func DecodeEvent(kind string, b []byte) (Event, error) { return read(eventCodecs, kind, b) }

// written is one command on disk.
type written struct {
	Kind string          `json:"kind"`
	Is   json.RawMessage `json:"is"`
}

// EncodeCommands writes commands as one JSON list. Wake is left out: it is of the moment.
func EncodeCommands(cmds []Command) ([]byte, error) {
	list := []written{}
	for _, c := range cmds {
		if _, wake := c.(Wake); wake {
			continue
		}
		kind, err := find(commandCodecs, reflect.TypeOf(c))
		if err != nil {
			return nil, fmt.Errorf("write a command: %w", err)
		}
		b, err := json.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("write a command: %w", err)
		}
		list = append(list, written{kind, b})
	}
	return json.Marshal(list)
}

// DecodeCommands reads what EncodeCommands wrote. ErrNoKind: a newer release knows one of them.
func DecodeCommands(b []byte) ([]Command, error) {
	var list []written
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("read commands: %w", err)
	}
	cmds := make([]Command, len(list))
	for i, w := range list {
		c, err := read(commandCodecs, w.Kind, w.Is)
		if err != nil {
			return nil, err
		}
		cmds[i] = c
	}
	return cmds, nil
}

// A refusal is Refused on disk: of its error only the words are left.
type refusal struct{ Err string }

// MarshalJSON implements json.Marshaler.
func (r Refused) MarshalJSON() ([]byte, error) { return json.Marshal(refusal{r.Err.Error()}) }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Refused) UnmarshalJSON(b []byte) error {
	var v refusal
	err := json.Unmarshal(b, &v)
	r.Err = errors.New(v.Err)
	return err
}

// CallOf is the call that an event is about; empty: none, or several.
func CallOf(ev Event) call.ID {
	switch ev := ev.(type) {
	case Entered:
		return ev.Ticket.Call
	case Left:
		return ev.Call
	case Reported:
		return ev.Call
	case Held:
		return ev.Call
	case Transferred:
		return ev.Call
	case Prioritised:
		return ev.Call
	case Told:
		return ev.Call
	case CallbackAsked:
		return ev.Ticket.Call
	case CallbackReached:
		return ev.Call
	case CallbackFailed:
		return ev.Call
	}
	return ""
}
