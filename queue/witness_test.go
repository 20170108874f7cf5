package queue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// A witness sees what goes into a State and what comes out. It keeps its own plain account of who is
// where (account_test.go), from which it says beforehand every command that has to come, with every
// field of it; for offers it looks at every caller with every operator (judge_test.go). It objects as
// soon as the State does anything else, or shows anything else, and names the invariant of
// reliability.md §7.2. It knows no demand, no ability, no heap and no file: it walks over everything.
type witness struct {
	s       *State
	now     time.Time
	wake    time.Time
	stepped int

	house   House
	rules   []*seenRules // in the order of the configuration, then the retired
	ops     []*seenOp    // by name
	calls   []*seenCall  // in the order in which they came
	phones  map[string]bool
	parties map[string]bool // who is to be called back

	want   []Command // of this step, offers aside
	log    []told
	ledger *ledger
	wrong  error
}

type seenRules struct {
	Rules
	retired, closed bool
	turn            string
	paces           map[call.Language]*seenPace
}

type seenPace struct { // all there ever was
	handled, waits []time.Duration
	answers        []time.Time
}

type seenCall struct {
	Ticket
	r              *seenRules
	own            time.Duration // head start
	entered, since time.Time
	step, spread   int
	ringing        []*seenOp
	with           *seenOp
	held           bool
	counted        bool
	expired        bool
	bound          *seenOp
	boundUntil     time.Time
	reached        bool
	tries          int
	again          time.Time
	told           time.Duration
	toldAt         time.Time
}

type seenOp struct {
	Operator
	gone, registered, ready, paused, reserved, silent bool

	reason    string
	own       int // calls of their own
	call      *seenCall
	deadline  time.Time
	rest      time.Time // zero: none; also these
	quiet     time.Time
	wrap      time.Time
	idle      time.Time
	joined    time.Time
	talked    time.Duration
	extend    int
	inRow     int
	last      call.ID
	lastRules *seenRules
	state     OperatorState
}

// storyLength is how many of the last steps an objection tells.
const storyLength = 10

// told is one step, kept as it was: to write all of them down would take most of the time.
type told struct {
	at   time.Time
	ev   Event
	cmds []Command
	back time.Duration // no step, but everything was set back by so much
}

// moves lists where an operator may go from each state.
var moves = map[OperatorState][]OperatorState{
	OperatorOffline:     {OperatorReady, OperatorPaused, OperatorWrapUp, OperatorTalking, OperatorUnreachable},
	OperatorReady:       {OperatorOffered, OperatorPaused, OperatorTalking, OperatorOffline},
	OperatorOffered:     {OperatorTalking, OperatorReady, OperatorPaused, OperatorUnreachable, OperatorOffline},
	OperatorTalking:     {OperatorHolding, OperatorWrapUp, OperatorReady, OperatorPaused, OperatorUnreachable, OperatorOffline},
	OperatorHolding:     {OperatorTalking, OperatorWrapUp, OperatorReady, OperatorPaused, OperatorUnreachable, OperatorOffline},
	OperatorWrapUp:      {OperatorReady, OperatorPaused, OperatorTalking, OperatorOffline},
	OperatorPaused:      {OperatorReady, OperatorTalking, OperatorOffline},
	OperatorUnreachable: {OperatorReady, OperatorPaused, OperatorTalking, OperatorOffline},
}

func newWitness(rules []Rules) *witness {
	w := &witness{
		s: New(rules), now: noon, phones: map[string]bool{}, parties: map[string]bool{}, ledger: newLedger(),
	}
	w.setRules(rules)
	return w
}

func (w *witness) object(format string, args ...any) {
	if w.wrong == nil {
		var story strings.Builder
		for _, step := range w.log[max(0, len(w.log)-storyLength):] {
			fmt.Fprintf(&story, "+%s %T%+v\n", step.at.Sub(noon), step.ev, step.ev)
			for _, c := range step.cmds {
				fmt.Fprintf(&story, "      -> %T%+v\n", c, c)
			}
		}
		w.wrong = fmt.Errorf("%s\nlast of %d steps:\n%s", fmt.Sprintf(format, args...), w.stepped, &story)
	}
}

// step lets d go by and the event happen, and judges the answer.
func (w *witness) step(ev Event, d time.Duration) []Command { return w.stepAt(ev, w.now.Add(d)) }

// stepAt is step at a time. One that was before is a clock that was set back: for the State no time
// goes by.
func (w *witness) stepAt(ev Event, at time.Time) []Command {
	if at.After(w.now) {
		w.now = at
	}
	w.ledger.back = w.ledger.back || at.Before(w.now)
	w.stepped++
	w.want = w.want[:0]
	w.expire()
	w.account(ev)
	w.sweep()
	cmds := w.s.Step(ev, at)
	w.log = append(w.log, told{at: at, ev: ev, cmds: cmds})
	w.judge(cmds)
	if fault := w.ledger.fold(ev, cmds, w.now); fault != "" {
		w.object("%s", fault)
	}
	w.compare()
	return cmds
}

func (w *witness) expect(c Command) { w.want = append(w.want, c) }

func (w *witness) op(name string) *seenOp {
	for _, o := range w.ops {
		if o.Name == name {
			return o
		}
	}
	return nil
}

func (w *witness) call(id call.ID) *seenCall {
	for _, c := range w.calls {
		if c.Call == id {
			return c
		}
	}
	return nil
}

func (w *witness) rule(name string) *seenRules {
	for _, r := range w.rules {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// engaged is one whom a call has that no queue gave.
func (o *seenOp) engaged() bool { return o.own > 0 || o.reserved }

// atWork is one who has come and not paused.
func (o *seenOp) atWork() bool { return o.registered && o.ready && !o.paused && !o.Disabled && !o.gone }

func (o *seenOp) talking() bool { return o.call != nil && o.call.with == o }

// free is one who may be offered a caller now.
func (o *seenOp) free() bool {
	return o.atWork() && !o.engaged() && o.call == nil && o.rest.IsZero() && o.quiet.IsZero() && o.wrap.IsZero()
}

func (o *seenOp) knows(name string) int {
	level := 0
	if slices.Contains(o.Languages, call.Language(name)) {
		level = 3
	}
	for _, s := range o.Skills {
		if s.Name == name {
			level = s.Level
			break
		}
	}
	return level
}

// live is a caller who is on the line.
func (c *seenCall) live() bool { return c.Party == "" || c.reached }

// rank is the time that decides the order: that of arrival, before which head starts put it.
func (c *seenCall) rank() time.Time { return c.Arrived.Add(-c.r.HeadStart).Add(-c.own) }

func older(a, b *seenCall) bool {
	x, y := a.rank(), b.rank()
	return x.Before(y) || x.Equal(y) && a.Call < b.Call
}

// suits says whether an operator can serve a caller; how many minutes the place of the queue on the
// operator's list costs; and how well they know what is needed.
func suits(c *seenCall, o *seenOp) (ok bool, place, level int) {
	place = -1
	for i := -1; i < c.spread; i++ {
		name := c.Queue
		if i >= 0 {
			name = c.r.Overflow[i].To
		}
		at := slices.Index(o.Queues, name)
		if len(o.Queues) == 0 {
			at = 0
		}
		if at >= 0 && (place < 0 || at < place) {
			place = at
		}
	}
	if place < 0 {
		return false, 0, 0
	}
	language, skills := 1, []Skill(nil)
	if c.step > 0 {
		language, skills = c.r.Steps[c.step-1].Language, c.r.Steps[c.step-1].Skills
	}
	if c.Language != "" {
		level = o.knows(string(c.Language))
		if level < language {
			return false, 0, 0
		}
	}
	for _, k := range skills {
		has := o.knows(k.Name)
		if has < k.Level {
			return false, 0, 0
		}
		level += has
	}
	return true, place, level
}

// staff counts what those do who can serve the caller.
func (w *witness) staff(c *seenCall) (n Staff) {
	for _, o := range w.ops {
		if ok, _, _ := suits(c, o); ok && !o.gone && !o.Disabled {
			o.addTo(&n)
		}
	}
	return n
}

func (o *seenOp) addTo(n *Staff) {
	switch o.state {
	case OperatorReady:
		n.Ready++
	case OperatorOffered:
		n.Offered++
	case OperatorTalking:
		n.Talking++
	case OperatorHolding:
		n.Holding++
	case OperatorWrapUp:
		n.WrapUp++
	case OperatorPaused:
		n.Paused++
	case OperatorUnreachable:
		n.Unreachable++
	case OperatorOffline:
		n.Offline++
	}
}

// place is where a caller stands in its queue, from 1.
func (w *witness) place(c *seenCall) int {
	n := 1
	for _, other := range w.calls {
		if other != c && other.r == c.r && other.with == nil && older(other, c) {
			n++
		}
	}
	return n
}

// sentinel is which of the known refusals an error is.
func sentinel(err error) error {
	for _, known := range []error{
		ErrNoQueue, ErrDoubled, ErrNoOperator, ErrFull, ErrNoCall, ErrNoWrapUp, ErrCover, ErrCallbackOpen,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return err
}

// stateOf is what an operator is doing by the account: the first that fits.
func (w *witness) stateOf(o *seenOp) OperatorState {
	switch {
	case o.talking() && o.call.held:
		return OperatorHolding
	case o.talking():
		return OperatorTalking
	case o.call != nil:
		return OperatorOffered
	case o.Disabled || o.gone:
		return OperatorOffline
	case o.engaged():
		return OperatorTalking
	case !o.registered:
		return OperatorOffline
	case o.paused:
		return OperatorPaused
	case !o.ready:
		return OperatorOffline
	case o.silent:
		return OperatorUnreachable
	case !o.wrap.IsZero():
		return OperatorWrapUp
	}
	return OperatorReady
}
