package queue

import (
	"fmt"
	"slices"
	"time"

	"hotline/call"
)

// A ledger is what a reader of the journal can know: it folds events and commands, and nothing else,
// and says which invariant they break. It is simpler than the witness on purpose: what one of the two
// overlooks, the other should see.
type ledger struct {
	calls   map[call.ID]*page
	ops     map[string]*worker
	closed  map[string]bool // queues outside their hours
	dropped map[string]bool // queues that a reload has dropped
	parties map[string]call.ID
	counts  map[string]int
	rings   map[string]time.Time // whose telephone rings, and until when
	back    bool                 // the clock was set back: arrivals may be of a time that comes again
}

type page struct {
	queue              string
	party              string
	arrived, since, at time.Time // of the call, of the present wait, of the last command
	waits, callback    bool
	with               string
	expired            bool
	again              time.Time
	outcomes           int
}

type worker struct {
	state        OperatorState
	call         call.ID
	paused, away bool
	leaving      bool // removed during a call
}

func newLedger() *ledger {
	return &ledger{
		calls: map[call.ID]*page{}, ops: map[string]*worker{}, closed: map[string]bool{}, dropped: map[string]bool{}, parties: map[string]call.ID{},
		counts: map[string]int{}, rings: map[string]time.Time{},
	}
}

// waiting is how many wait in a queue.
func (l *ledger) waiting(queue string) int { return l.counts["waiting "+queue] }

func (l *ledger) worker(name string) *worker {
	if l.ops[name] == nil {
		l.ops[name] = &worker{state: OperatorOffline}
	}
	return l.ops[name]
}

// fold takes one step. It returns what is wrong; empty: nothing.
func (l *ledger) fold(ev Event, cmds []Command, now time.Time) (fault string) {
	refused := false
	for _, c := range cmds {
		if _, no := c.(Refused); no {
			refused = true
		}
	}
	if !refused {
		l.happened(ev)
	}
	for _, c := range cmds {
		if f := l.command(ev, c, now); f != "" && fault == "" {
			fault = f
		}
	}
	for name, until := range l.rings {
		if !until.Add(Grace).After(now) && fault == "" {
			fault = fmt.Sprintf("I8: %s is rung after the deadline of %s", name, until)
		}
	}
	return fault
}

func (l *ledger) happened(ev Event) {
	switch ev := ev.(type) {
	case Entered:
		l.calls[ev.Ticket.Call] = &page{party: ev.Ticket.Party, arrived: ev.Ticket.Arrived}
	case CallbackAsked:
		e := &page{party: ev.Ticket.Party, arrived: ev.Ticket.Arrived}
		if asks := l.calls[ev.Ticket.For]; asks != nil && ev.Ticket.Case == "" {
			e.arrived = asks.arrived
		}
		l.calls[ev.Ticket.Call] = e
	case HoursSet:
		l.closed[ev.Queue] = !ev.Open && !l.dropped[ev.Queue]
	case RulesSet: // a queue that comes back is a new one, whose hours are told anew
		for _, name := range queues {
			l.dropped[name] = !slices.ContainsFunc(ev.Rules, func(r Rules) bool { return r.Name == name })
			l.closed[name] = l.closed[name] && !l.dropped[name]
		}
	case Paused:
		l.worker(ev.Operator).paused = true
	case Resumed:
		l.worker(ev.Operator).paused = false
	case OperatorsSet:
		l.employed(ev.Operators)
	case PhoneChanged:
		l.worker(ev.Operator).away = !ev.Registered
	case Restarted:
		l.rings = map[string]time.Time{}
		for _, o := range l.ops {
			o.away = true
		}
	}
}

// employed forgets the pauses of those who are no operators any more.
func (l *ledger) employed(list []Operator) {
	for name, o := range l.ops {
		stays := slices.ContainsFunc(list, func(x Operator) bool { return x.Name == name })
		o.leaving = !stays
		if !stays && (o.call == "" || o.state == OperatorOffered) {
			o.paused = false
		}
	}
}

func (l *ledger) command(ev Event, c Command, now time.Time) string {
	id := commandCall(c)
	e := l.calls[id]
	if id != "" && e == nil {
		return fmt.Sprintf("I3: %T%+v comes for a call that is over or never came", c, c)
	}
	switch c := c.(type) {
	case Queued:
		return l.queued(e, c, now)
	case Offered:
		return l.offered(e, c, now)
	case Withdrawn:
		delete(l.rings, c.Operator)
	case Missed:
		delete(l.rings, c.Operator)
	case Expired:
		if e.expired {
			return fmt.Sprintf("rules: the longest wait of %s is over twice", c.Call)
		}
		e.expired = true
	case CallbackMissed:
		e.again = c.Again
	case Connected:
		e.outcomes++
		if since := e.since; !c.Callback && c.Waited != now.Sub(since) {
			return fmt.Sprintf("I4: %s has waited %s, it is told %s", c.Call, now.Sub(since), c.Waited)
		}
		if c.Callback {
			l.stopWaiting(e)
			e.callback = false
		}
	case Abandoned:
		if e.outcomes++; e.outcomes > 1 {
			return fmt.Sprintf("I3: %s has a second outcome: %+v", c.Call, c)
		}
	case CallbackClosed:
		delete(l.parties, e.party)
	case Finished:
		return l.finished(e, c, ev)
	case OperatorChanged:
		return l.changed(ev, c)
	}
	return ""
}

func (l *ledger) queued(e *page, c Queued, now time.Time) string {
	if e.waits {
		return fmt.Sprintf("I11: %s is queued while it waits", c.Call)
	}
	if e.arrived.After(now) && !l.back || e.at.After(now) {
		return fmt.Sprintf("I4: %s is queued before it arrived", c.Call)
	}
	if c.Callback && !c.Again {
		if other, open := l.parties[e.party]; open {
			return fmt.Sprintf("rules: %s and %s call the same number", other, c.Call)
		}
		l.parties[e.party] = c.Call
	}
	e.queue, e.since, e.at, e.waits, e.callback, e.with = c.Queue, now, now, true, c.Callback, ""
	l.counts["waiting "+c.Queue]++
	l.counts["queued"]++
	if c.Again {
		return l.letGo(c.Call)
	}
	return ""
}

func (l *ledger) stopWaiting(e *page) {
	if e.waits {
		e.waits = false
		l.counts["waiting "+e.queue]--
	}
}

func (l *ledger) offered(e *page, c Offered, now time.Time) string {
	o := l.worker(c.Operator)
	_, rings := l.rings[c.Operator]
	switch {
	case rings || o.call != "":
		return fmt.Sprintf("I2: %s is rung for %s while having %q", c.Operator, c.Call, o.call)
	case o.state != OperatorReady || o.paused || o.away:
		return fmt.Sprintf("I9: %s is rung for %s, but is %+v", c.Operator, c.Call, *o)
	case !e.waits || e.with != "":
		return fmt.Sprintf("I1: %s is offered and has %q", c.Call, e.with)
	case e.expired:
		return fmt.Sprintf("rules: %s is offered though its longest wait is over", c.Call)
	case e.callback && l.closed[c.Queue]:
		return fmt.Sprintf("rules: %s is called back outside the hours", c.Call)
	case e.callback && e.again.After(now):
		return fmt.Sprintf("rules: %s is called back before %s", c.Call, e.again)
	case !c.Deadline.After(now):
		return fmt.Sprintf("I8: the offer of %s has no time", c.Call)
	}
	l.rings[c.Operator] = c.Deadline
	return ""
}

func (l *ledger) finished(e *page, c Finished, ev Event) string {
	l.stopWaiting(e)
	delete(l.calls, c.Call)
	l.counts["finished"]++
	_, restarted := ev.(Restarted)
	_, asked := ev.(CallbackAsked)
	if e.outcomes == 0 && e.party == "" && !restarted && !asked {
		return fmt.Sprintf("I3: nothing was told of how %s ended", c.Call)
	}
	return l.letGo(c.Call)
}

// letGo takes a call from whoever talked to it. Nothing was told of them where they stay in a call of
// their own; whoever was still rung for it would be rung for nobody.
func (l *ledger) letGo(id call.ID) string {
	for name, o := range l.ops {
		if o.call != id {
			continue
		}
		if o.call = ""; o.state != OperatorTalking {
			return fmt.Sprintf("I14: %s has no operator any more, and %s is still %s for it", id, name, o.state)
		}
	}
	return ""
}

func (l *ledger) changed(ev Event, c OperatorChanged) string {
	o := l.worker(c.Operator)
	if o.state != c.From {
		return fmt.Sprintf("I11: %s was %s, and comes from %s", c.Operator, o.state, c.From)
	}
	o.state, o.call = c.To, c.Call
	if o.leaving && o.call == "" {
		o.paused = false
	}
	if c.To == OperatorPaused {
		resumed, _ := ev.(Resumed) // which comes after what fell due
		o.paused = resumed.Operator != c.Operator
	}
	if c.To != OperatorOffered {
		delete(l.rings, c.Operator)
	}
	if e := l.calls[c.Call]; e != nil && c.To == OperatorTalking && c.From != OperatorHolding {
		if e.with != "" && l.worker(e.with).call == c.Call && e.with != c.Operator {
			return fmt.Sprintf("I1: %s talks to %s and to %s", c.Call, e.with, c.Operator)
		}
		e.with = c.Operator
		l.stopWaiting(e)
	}
	return ""
}

// commandCall is which call a command is about; empty: none, or one that may be over.
func commandCall(c Command) call.ID {
	switch c := c.(type) {
	case Queued:
		return c.Call
	case Relaxed:
		return c.Call
	case Overflowed:
		return c.Call
	case Expired:
		return c.Call
	case Connected:
		return c.Call
	case Abandoned:
		return c.Call
	case CallbackClosed:
		return c.Call
	case CallbackMissed:
		return c.Call
	case Finished:
		return c.Call
	case Offered:
		return c.Call
	case Withdrawn:
		return c.Call
	case Missed:
		return c.Call
	}
	return ""
}
