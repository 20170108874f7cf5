package line

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"time"

	"go.uber.org/zap"

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

// destination finds out who is meant: an operator, a queue, an entry of the directory by name or
// number, or at last a number, which the signalling lets out or not. Where there is nobody, or
// nobody at this hour, code says so.
func (l *Line) destination(s *Settings, to string) (d destination, code int) {
	if l.o.Operators.Known(to) {
		return destination{operator: to}, 0
	}
	if _, ok := s.Queues[to]; ok {
		return destination{queue: to}, 0
	}
	number := outside.MatchString(to)
	for i := range s.Directory {
		e := &s.Directory[i]
		if e.Name != to && !(number && s.spelled(e.Number.Raw()) == s.spelled(to)) {
			continue
		}
		if e.Open != nil && !e.Open(l.o.Now()) {
			return destination{entry: e}, 480
		}
		return destination{entry: e}, 0
	}
	if number {
		return destination{entry: &Entry{Name: outsideName, Number: call.Number(to)}}, 0
	}
	return destination{}, 404
}

// spelled is a number in the one way in which numbers are compared.
func (s *Settings) spelled(number string) string {
	if s.Spell == nil {
		return number
	}
	return s.Spell(number)
}

// A reaching is one attempt to reach a destination that is a telephone.
type reaching struct {
	to   destination
	dial call.Dial // to an operator; of one outside only the call and who hears that it rings

	// Of one outside; see call.Outside.
	line, operator string
	early          func(call.Leg)
	caller         call.Number
	hidden         bool
}

// reach rings an operator's telephone or one outside until ctx ends. An operator who was reached is
// reserved: the floor offers them nobody until they are released or handed the caller.
func (l *Line) reach(ctx context.Context, r reaching) (leg call.Leg, err error) {
	if r.to.entry != nil {
		return l.o.Dialer.DialOutside(ctx, call.Outside{
			Call: r.dial.Call, To: r.to.entry.Number, Line: r.line, Operator: r.operator, Emergency: r.to.entry.Emergency,
			Caller: r.caller, Hidden: r.hidden, Ringing: r.dial.Ringing, Early: r.early,
		})
	}
	if !l.o.Floor.Reserve(r.to.operator) {
		return nil, &call.DialError{Failure: call.Busy, Code: 486}
	}
	defer func() {
		if leg == nil { // also after a panic
			l.release(r.to)
		}
	}()
	return l.o.Dialer.Dial(ctx, r.dial)
}

// drop hangs up on somebody who was reached for nothing.
func (l *Line) drop(d destination, leg call.Leg, why string) {
	leg.Hangup(call.Reason{Why: why})
	l.release(d)
}

// release lets an operator go who was reserved.
func (l *Line) release(d destination) {
	if d.operator != "" {
		l.o.Operators.Release(d.operator)
	}
}

// A reached is what became of an attempt to reach somebody.
type reached struct {
	party
	err error
}

// attempt tries to reach somebody in a goroutine of its own. A panic there is a failure like others.
func (l *Line) attempt(wg *sync.WaitGroup, log *zap.Logger, try func() (party, error)) <-chan reached {
	answers := make(chan reached, 1)
	wg.Go(func() {
		var r reached
		defer func() {
			if p := recover(); p != nil {
				l.panicked(log, p)
				r = reached{err: fmt.Errorf("panic: %v", p)}
			}
			answers <- r
		}()
		r.party, r.err = try()
	})
	return answers
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
