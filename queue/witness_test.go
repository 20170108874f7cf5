package queue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// A witness sees what goes into a State and what comes out, keeps its own plain account of who
// is where, and objects as soon as the two differ or an invariant of the floor is broken. It
// knows nothing of the State's insides; it does not decide who is offered whom, it only judges.
type witness struct {
	s       *State
	now     time.Time
	wake    time.Time
	ops     map[string]*seenOp
	calls   map[call.ID]*seenCall
	rules   map[string]*seenRules
	users   map[string]bool          // registered
	leaving map[string]OperatorState // of this step: who is gone with it
	log     []told
	wrong   error
}

type seenRules struct {
	Rules
	dropped bool
}

type seenCall struct {
	Ticket
	operator string
	talking  bool
	talked   bool
	since    time.Time
	deadline time.Time
}

type seenOp struct {
	Operator
	gone, ready, paused, reserved bool
	own                           int // calls of their own
	call                          call.ID
	silent                        bool
	rest, quiet, wrap             time.Time // over when not after now
	idle                          time.Time
	state                         OperatorState
}

// told is one step, kept as it was: to write all of them down would take most of the time.
type told struct {
	at   time.Time
	ev   Event
	cmds []Command
}

// expect is what the account says must come out of a step besides offers.
type expect struct {
	withdrawn map[string]bool // "call operator"
	connected call.ID
	queued    call.ID
	finished  call.ID
	abandoned call.ID
	refused   error
	replied   bool
	stood     bool
}

// moves lists where an operator may go from each state.
var moves = map[OperatorState][]OperatorState{
	OperatorOffline:     {OperatorReady, OperatorPaused, OperatorWrapUp, OperatorTalking, OperatorUnreachable},
	OperatorReady:       {OperatorOffered, OperatorPaused, OperatorTalking, OperatorOffline},
	OperatorOffered:     {OperatorTalking, OperatorReady, OperatorPaused, OperatorUnreachable, OperatorOffline},
	OperatorTalking:     {OperatorWrapUp, OperatorReady, OperatorPaused, OperatorUnreachable, OperatorOffline},
	OperatorWrapUp:      {OperatorReady, OperatorPaused, OperatorTalking, OperatorOffline},
	OperatorPaused:      {OperatorReady, OperatorTalking, OperatorOffline},
	OperatorUnreachable: {OperatorReady, OperatorPaused, OperatorTalking, OperatorOffline},
}

func newWitness(rules []Rules) *witness {
	w := &witness{
		s: New(rules), now: noon,
		ops: map[string]*seenOp{}, calls: map[call.ID]*seenCall{},
		rules: map[string]*seenRules{}, users: map[string]bool{},
	}
	w.setRules(rules)
	return w
}

func (w *witness) object(format string, args ...any) {
	if w.wrong == nil {
		var story strings.Builder
		for _, step := range w.log[max(0, len(w.log)-10):] {
			fmt.Fprintf(&story, "+%s %T%+v\n", step.at.Sub(noon), step.ev, step.ev)
			for _, c := range step.cmds {
				fmt.Fprintf(&story, "      -> %T%+v\n", c, c)
			}
		}
		w.wrong = fmt.Errorf("%s\nlast of %d steps:\n%s", fmt.Sprintf(format, args...), len(w.log), &story)
	}
}

// step lets d go by and the event happen, and judges the answer.
func (w *witness) step(ev Event, d time.Duration) []Command {
	w.now = w.now.Add(d)
	var e expect
	e.withdrawn = map[string]bool{}
	w.expire(&e)
	w.account(ev, &e)
	cmds := w.s.Step(ev, w.now)
	w.log = append(w.log, told{w.now, ev, cmds})
	w.judge(cmds, &e)
	w.compare()
	return cmds
}

// busy is one whom a call has that no queue gave.
func (o *seenOp) busy() bool { return o.own > 0 || o.reserved }

func (o *seenOp) willing(registered bool) bool {
	return registered && o.ready && !o.paused && !o.busy() && !o.Disabled && !o.gone
}

func (o *seenOp) fits(c *seenCall) bool {
	return (len(o.Queues) == 0 || slices.Contains(o.Queues, c.Queue)) &&
		(c.Language == "" || slices.Contains(o.Languages, c.Language))
}

func (w *witness) free(o *seenOp) bool {
	return o.willing(w.users[o.Name]) && o.call == "" &&
		!o.rest.After(w.now) && !o.quiet.After(w.now) && !o.wrap.After(w.now)
}

// expire accounts for time: offers that nobody reported on are over (I8).
func (w *witness) expire(e *expect) {
	for _, c := range w.calls {
		if c.operator != "" && !c.talking && !c.deadline.Add(Grace).After(w.now) {
			e.withdrawn[string(c.Call)+" "+c.operator] = true
			w.miss(c, c.deadline.Add(Grace), false)
		}
	}
	for _, o := range w.ops {
		if !o.rest.After(w.now) {
			o.silent = false
		}
	}
}

func (w *witness) miss(c *seenCall, at time.Time, silent bool) {
	o := w.ops[c.operator]
	o.call, c.operator = "", ""
	o.rest, o.idle = at.Add(Rest), at
	o.silent = silent && o.rest.After(w.now)
}

// account applies the event to the witness's own books.
func (w *witness) account(ev Event, e *expect) {
	switch ev := ev.(type) {
	case Entered:
		r := w.rules[ev.Ticket.Queue]
		switch {
		case r == nil || r.dropped:
			e.refused = ErrNoQueue
		case w.calls[ev.Ticket.Call] != nil:
			e.refused = ErrDoubled
		default:
			w.calls[ev.Ticket.Call] = &seenCall{Ticket: ev.Ticket, since: w.now}
			e.queued = ev.Ticket.Call
		}
	case Left:
		w.left(ev, e)
	case Reported:
		w.reported(ev, e)
	case OperatorsSet:
		w.setOperators(ev.Operators)
	case RulesSet:
		w.setRules(ev.Rules)
	case PhoneChanged:
		w.users[ev.Operator] = ev.Registered
		if o := w.ops[ev.Operator]; o != nil {
			if !ev.Registered {
				o.ready = false
			} else if ev.Fresh {
				o.ready = o.ready || w.readyOnRegister(o)
				if o.silent {
					o.silent, o.rest = false, time.Time{}
				}
			}
		}
	case Paused:
		if o := w.ops[ev.Operator]; o == nil || o.gone {
			e.refused = ErrNoOperator
		} else {
			o.paused, o.wrap = true, time.Time{}
		}
	case Resumed:
		if o := w.ops[ev.Operator]; o == nil || o.gone {
			e.refused = ErrNoOperator
		} else {
			o.paused, o.ready, o.silent = false, true, false
			o.wrap, o.rest = time.Time{}, time.Time{}
		}
	case OwnCallChanged:
		if o := w.ops[ev.Operator]; o != nil {
			o.own++
			if !ev.On {
				o.own = max(0, o.own-2)
			}
		}
	}
	w.handedOn(ev, e)
	for _, c := range w.calls { // I9: whoever may no longer be rung is not
		if o := w.ops[c.operator]; o != nil && !c.talking && !(o.willing(w.users[o.Name]) && o.fits(c)) {
			e.withdrawn[string(c.Call)+" "+o.Name] = true
			o.call, c.operator = "", ""
			o.quiet = w.now.Add(Quiet)
		}
	}
	for name, o := range w.ops {
		if o.gone && o.call == "" {
			delete(w.ops, name)
		}
	}
}

// handedOn accounts for who is asked for by name and who is given a caller by a colleague.
func (w *witness) handedOn(ev Event, e *expect) {
	switch ev := ev.(type) {
	case Reserved:
		o := w.ops[ev.Operator]
		e.replied = true
		e.stood = o != nil && !o.gone && !o.Disabled && w.users[o.Name] && o.call == "" && !o.busy() &&
			!o.quiet.After(w.now)
		if e.stood {
			o.reserved = true
		}
	case Released:
		if o := w.ops[ev.Operator]; o != nil {
			o.reserved = false
		}
	case Transferred:
		e.replied = true
		c := w.calls[ev.Call]
		if c == nil || !c.talking {
			return
		}
		from, to := w.ops[c.operator], w.ops[ev.To]
		switch {
		case ev.To == "":
			from.quiet = w.now.Add(Quiet)
			w.left(Left{ev.Call}, e)
		case to == nil || to.gone || to.call != "" || !to.reserved:
			return
		default:
			from.call, to.call, to.reserved = "", c.Call, false
			from.quiet = w.now.Add(Quiet)
			from.wrap = w.now.Add(w.rules[c.Queue].WrapUp)
			c.operator = to.Name
		}
		e.stood = true
	}
}

func (w *witness) left(ev Left, e *expect) {
	c := w.calls[ev.Call]
	if c == nil {
		return
	}
	e.finished = ev.Call
	if !c.talking && !c.talked {
		e.abandoned = ev.Call
	}
	if o := w.ops[c.operator]; o != nil {
		o.call = ""
		if c.talking {
			o.wrap = w.now.Add(w.rules[c.Queue].WrapUp)
		}
	}
	delete(w.calls, ev.Call)
	w.dropEmpty()
}

func (w *witness) reported(ev Reported, e *expect) {
	e.replied = true
	c := w.calls[ev.Call]
	if c == nil || c.operator != ev.Operator || ev.Operator == "" {
		return
	}
	switch {
	case c.talking && (ev.Result == Lost || ev.Result == Busy):
		e.queued = c.Call
		w.miss(c, w.now, ev.Result == Lost)
		c.talking, c.talked, c.since = false, true, w.now
	case c.talking:
		e.stood = true
	case ev.Result == Answered:
		e.connected, e.stood = c.Call, true
		c.talking = true
	default:
		w.miss(c, w.now, ev.Result == Unreachable || ev.Result == Lost)
	}
}

func (w *witness) setOperators(list []Operator) {
	named := map[string]bool{}
	for _, l := range list {
		if named[l.Name] {
			continue
		}
		named[l.Name] = true
		o := w.ops[l.Name]
		if o == nil {
			o = &seenOp{state: OperatorOffline, Operator: Operator{Disabled: true}}
			w.ops[l.Name] = o
		}
		comesIn := (o.Disabled || o.gone) && !l.Disabled
		o.Operator, o.gone = l, false
		if l.Disabled {
			o.ready = false
		} else if comesIn {
			o.ready = w.users[l.Name] && w.readyOnRegister(o)
		}
	}
	for name, o := range w.ops {
		o.gone = !named[name]
	}
}

func (w *witness) readyOnRegister(o *seenOp) bool {
	for name, r := range w.rules {
		if r.ReadyOnRegister && !r.dropped && (len(o.Queues) == 0 || slices.Contains(o.Queues, name)) {
			return true
		}
	}
	return false
}

func (w *witness) setRules(list []Rules) {
	for _, r := range w.rules {
		r.dropped = true
	}
	for _, r := range list {
		w.rules[r.Name] = &seenRules{Rules: r}
	}
	w.dropEmpty()
}

func (w *witness) dropEmpty() {
	used := map[string]bool{}
	for _, c := range w.calls {
		used[c.Queue] = true
	}
	for name, r := range w.rules {
		if r.dropped && !used[name] {
			delete(w.rules, name)
		}
	}
}

// judge compares what came out with what had to, and every offer with the rules.
func (w *witness) judge(cmds []Command, e *expect) {
	var got expect
	got.withdrawn = map[string]bool{}
	w.leaving = map[string]OperatorState{}
	for i, c := range cmds {
		switch c := c.(type) {
		case Queued:
			got.queued = c.Call
			w.queuedRight(c)
		case Offered:
			w.offeredRight(c)
		case Withdrawn:
			got.withdrawn[string(c.Call)+" "+c.Operator] = true
		case Connected:
			got.connected = c.Call
			if s := w.calls[c.Call]; s == nil || s.Queue != c.Queue || c.Waited != w.now.Sub(s.since) ||
				c.InTarget != (c.Waited <= w.rules[c.Queue].Target) || c.Again != s.talked {
				w.object("connected wrongly: %+v", c)
			}
		case Abandoned:
			got.abandoned = c.Call
		case Finished:
			got.finished = c.Call
		case Refused:
			got.refused = c.Err
		case Replied:
			got.replied, got.stood = true, c.Stood
		case OperatorChanged:
			w.changedRight(c)
		case Wake:
			w.wake = c.At
			if i != len(cmds)-1 {
				w.object("the wake is not the last command")
			}
		}
	}
	for name, state := range w.leaving {
		if state != OperatorOffline {
			w.object("%s is gone and was told to be %s", name, state)
		}
	}
	if !errors.Is(got.refused, e.refused) {
		w.object("refused %v, want %v", got.refused, e.refused)
	}
	if len(got.withdrawn) != len(e.withdrawn) {
		w.object("withdrawn %v, want %v", got.withdrawn, e.withdrawn)
	}
	for k := range e.withdrawn {
		if !got.withdrawn[k] {
			w.object("not withdrawn: %s", k)
		}
	}
	if got.connected != e.connected || got.queued != e.queued || got.finished != e.finished ||
		got.abandoned != e.abandoned || got.replied != e.replied || got.stood != e.stood {
		w.object("came %+v\nwant %+v", got, *e)
	}
}

func (w *witness) queuedRight(c Queued) {
	me := w.calls[c.Call]
	if me == nil {
		w.object("queued, but nobody entered: %+v", c)
		return
	}
	before := 0
	for _, o := range w.calls {
		if !o.talking && o.Queue == me.Queue && older(o, me) {
			before++
		}
	}
	if c.Position != before+1 || c.Again != me.talked {
		w.object("%+v: place is %d, again %v", c, before+1, me.talked)
	}
}

// older is the order of service: by arrival, then by id.
func older(a, b *seenCall) bool {
	return a.Arrived.Before(b.Arrived) || a.Arrived.Equal(b.Arrived) && a.Call < b.Call
}

func (w *witness) offeredRight(c Offered) {
	me, op := w.calls[c.Call], w.ops[c.Operator]
	if me == nil || op == nil {
		w.object("offer of nobody: %+v", c)
		return
	}
	if me.operator != "" {
		w.object("I1: %s is offered to %s while %s has it", c.Call, c.Operator, me.operator)
	}
	if op.call != "" {
		w.object("I2: %s is offered %s while having %s", c.Operator, c.Call, op.call)
	}
	if !op.fits(me) {
		w.object("I7: %s cannot serve %+v", c.Operator, me.Ticket)
	}
	if !w.free(op) {
		w.object("I9: %s is offered %s though not free: %+v", c.Operator, c.Call, *op)
	}
	for _, o := range w.calls {
		if o.operator == "" && older(o, me) && op.fits(o) {
			w.object("I6: %s is offered to %s before %s", c.Call, c.Operator, o.Call)
		}
	}
	fit := 0
	for _, o := range w.ops {
		if !w.free(o) || !o.fits(me) {
			continue
		}
		fit++
		if o.idle.Before(op.idle) || o.idle.Equal(op.idle) && o.Name < op.Name {
			w.object("%s is offered to %s, but %s is idle longer", c.Call, c.Operator, o.Name)
		}
	}
	if want := w.now.Add(w.rules[me.Queue].Offer); !c.Deadline.Equal(want) {
		w.object("I8: deadline %s, want %s", c.Deadline, want)
	}
	if c.Free != fit || c.Idle != w.now.Sub(op.idle) || c.Waited != w.now.Sub(me.since) || c.Queue != me.Queue || c.Language != me.Language {
		w.object("the reasons of %+v are wrong: %d fit", c, fit)
	}
	me.operator, me.deadline, op.call = op.Name, c.Deadline, me.Call
}

func (w *witness) changedRight(c OperatorChanged) {
	if !slices.Contains(moves[c.From], c.To) {
		w.object("%s may not go from %s to %s (%s)", c.Operator, c.From, c.To, c.Why)
	}
	o := w.ops[c.Operator]
	if o == nil { // gone with this step: what counts is the last that was told
		w.leaving[c.Operator] = c.To
		return
	}
	if o.state != c.From {
		w.object("%s was %s, but comes from %s", c.Operator, o.state, c.From)
	}
	o.state = c.To
	if c.To == OperatorReady && c.From != OperatorOffered {
		o.idle = c.At
	}
	if c.At.After(w.now) {
		w.object("%s changed in the future", c.Operator)
	}
}

// compare holds the State's snapshot against the books, and what must always be so.
func (w *witness) compare() {
	snap := w.s.Snapshot(w.now)
	if len(snap.Operators) != len(w.ops) {
		w.object("%d operators are shown, there are %d", len(snap.Operators), len(w.ops))
	}
	for _, v := range snap.Operators {
		o := w.ops[v.Name]
		if o == nil {
			w.object("%s is shown, but gone", v.Name)
			continue
		}
		if want := w.stateOf(o); v.State != want || o.state != want || v.Call != o.call ||
			v.Registered != w.users[o.Name] || v.Paused != o.paused {
			w.object("shown is %+v, told was %s, want %s with %q", v, o.state, want, o.call)
		}
	}
	if len(snap.Queues) != len(w.rules) {
		w.object("%d queues are shown, there are %d", len(snap.Queues), len(w.rules))
	}
	waiting := 0
	for _, q := range snap.Queues {
		var last *seenCall
		for i, v := range q.Calls {
			waiting++
			c := w.calls[v.Call]
			if c == nil || c.talking || c.Queue != q.Name || c.operator != v.Operator || v.Position != i+1 {
				w.object("shown is %+v, the books say %+v", v, c)
				continue
			}
			if last != nil && !older(last, c) {
				w.object("I6: %s stands before %s", last.Call, c.Call)
			}
			last = c
		}
	}
	for _, c := range w.calls {
		if !c.talking {
			waiting--
		}
		w.callRight(c)
	}
	if waiting != 0 {
		w.object("%+d callers are shown too many", waiting)
	}
	if !w.wake.IsZero() && !w.wake.After(w.now) {
		w.object("I14: a timer of the past is left: %s", w.wake)
	}
}

func (w *witness) callRight(c *seenCall) {
	if c.operator == "" {
		for _, o := range w.ops {
			if w.free(o) && o.fits(c) {
				w.object("I5: %s waits while %s is free", c.Call, o.Name)
			}
		}
		return
	}
	if c.talking {
		return
	}
	end := c.deadline.Add(Grace)
	if !end.After(w.now) {
		w.object("I8: %s is held by %s after the deadline", c.Call, c.operator)
	}
	if w.wake.IsZero() || w.wake.After(end) {
		w.object("I8: nothing will end the offer of %s", c.Call)
	}
}

func (w *witness) stateOf(o *seenOp) OperatorState {
	c := w.calls[o.call]
	switch {
	case c != nil && c.talking:
		return OperatorTalking
	case c != nil:
		return OperatorOffered
	case o.Disabled:
		return OperatorOffline
	case o.busy():
		return OperatorTalking
	case !w.users[o.Name]:
		return OperatorOffline
	case o.paused:
		return OperatorPaused
	case !o.ready:
		return OperatorOffline
	case o.silent:
		return OperatorUnreachable
	case o.wrap.After(w.now):
		return OperatorWrapUp
	}
	return OperatorReady
}
