package line

import (
	"context"
	"regexp"
	"time"

	"hotline/call"
)

// An Entry is somebody a call can be put through to besides operators and queues.
type Entry struct {
	Name      string
	Number    call.Number
	Languages []call.Language        // spoken there; empty: all
	Emergency bool                   // hears no notice, and no cap counts it
	Open      func(t time.Time) bool // nil: always
}

// A destination is whom a transfer or an operator's own call goes to: one of its fields is set.
type destination struct {
	operator string
	queue    string
	entry    *Entry // of the directory, or made for a number that is not in it
}

// outsideName is what a number is called that is in no directory.
const outsideName = "outside"

// name is who that is, for events, records and manifests: never a number.
func (d destination) name() string {
	switch {
	case d.operator != "":
		return d.operator
	case d.queue != "":
		return d.queue
	}
	return d.entry.Name
}

// kind is the sort of destination, for events and metrics.
func (d destination) kind() string {
	switch {
	case d.operator != "":
		return "operator"
	case d.queue != "":
		return "queue"
	case d.entry.Name == outsideName:
		return outsideName
	}
	return "directory"
}

// outside is a number as somebody dials it.
var outside = regexp.MustCompile(`^\+?[0-9]{2,31}$`)

// destination finds out who is meant: a queue, an operator, an entry of the directory by name or
// number, or at last a number, which the signalling lets out or not.
func (l *Line) destination(s *Settings, to string) (destination, bool) {
	for _, q := range s.Queues {
		if q == to {
			return destination{queue: q}, true
		}
	}
	if l.o.Operators.Known(to) {
		return destination{operator: to}, true
	}
	for i := range s.Directory {
		if e := &s.Directory[i]; e.Name == to || e.Number.Raw() == to {
			return destination{entry: e}, e.Open == nil || e.Open(time.Now())
		}
	}
	if outside.MatchString(to) {
		return destination{entry: &Entry{Name: outsideName, Number: call.Number(to)}}, true
	}
	return destination{}, false
}

// A reaching is one attempt to reach a destination that is a telephone.
type reaching struct {
	call     call.ID
	line     string
	operator string // who asks
	to       destination
	from     call.Number // shown to an operator
	withheld bool
	display  string
	ringing  func()
	early    func(call.Leg)
}

// reach rings an operator's telephone or one outside. An operator who was reached is reserved: the
// floor offers them nobody until they are released or handed the caller.
func (l *Line) reach(ctx context.Context, r reaching) (call.Leg, error) {
	if r.to.entry != nil {
		return l.o.Dialer.DialOutside(ctx, call.Outside{
			Call: r.call, To: r.to.entry.Number, Line: r.line, Operator: r.operator, Emergency: r.to.entry.Emergency,
			Ringing: r.ringing, Early: r.early,
		})
	}
	if !l.o.Floor.Reserve(r.to.operator) {
		return nil, &call.DialError{Failure: call.Busy, Code: 486}
	}
	leg, err := l.o.Dialer.Dial(ctx, call.Dial{
		Call: r.call, User: r.to.operator, From: r.from, Withheld: r.withheld, Display: r.display, Ringing: r.ringing,
	})
	if err != nil {
		l.o.Operators.OwnCall(r.to.operator, false)
	}
	return leg, err
}

// release lets an operator go who was reached for nothing.
func (l *Line) release(d destination) {
	if d.operator != "" {
		l.o.Operators.OwnCall(d.operator, false)
	}
}

// mustHear says that a third party hears the notice before it is joined.
func mustHear(s *Settings, d destination) bool {
	return d.entry != nil && !d.entry.Emergency && s.Policy != RecordOff
}

// languages are those that a notice for this entry is in.
func (e *Entry) languages(s *Settings) []call.Language {
	if len(e.Languages) > 0 {
		return e.Languages
	}
	return s.Languages
}
