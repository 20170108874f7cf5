package queue

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Step takes one event at the time now and returns what has to be done about it, in this order;
// the last command is always Wake. What fell due before now happens first. A now before that of
// an earlier step counts as that one. The returned slice is the caller's.
func (s *State) Step(ev Event, now time.Time) []Command {
	s.out = nil
	if now.After(s.now) {
		s.now = now
	}
	s.expire()
	s.apply(ev)
	s.match()
	s.emit(Wake{At: s.next()})
	return s.out
}

func (s *State) apply(ev Event) {
	switch ev := ev.(type) {
	case Entered:
		s.enter(ev.Ticket)
	case Left:
		s.leave(ev)
	case Reported:
		s.report(ev)
	case OperatorsSet:
		s.setOperators(ev.Operators)
	case RulesSet:
		s.setRules(ev.Rules)
	case PhoneChanged:
		s.phone(ev)
	case Paused:
		s.of(ev.Operator, func(o *operator) { s.pause(o, ev.Reason) })
	case Resumed:
		s.of(ev.Operator, s.resume)
	case OwnCallChanged:
		s.ownCall(ev)
	case Reserved:
		s.reserve(ev)
	case Released:
		s.release(ev)
	case Transferred:
		s.transfer(ev)
	case Tick:
	}
}

// of does something with the operator of that name, or refuses.
func (s *State) of(name string, do func(*operator)) {
	o, _ := s.find(name)
	if o == nil || o.removed {
		s.emit(Refused{fmt.Errorf("operator %q: %w", name, ErrNoOperator)})
		return
	}
	do(o)
}

func (s *State) ownCall(ev OwnCallChanged) {
	o, _ := s.find(ev.Operator)
	switch {
	case o == nil:
	case ev.On:
		o.ownCalls++
		s.review(o, WhyOwnCall)
	case o.ownCalls > 0:
		o.ownCalls--
		s.review(o, WhyOwnCallEnded)
	}
}

// reserve keeps an operator for somebody who asks for them by name, if they are in no call.
func (s *State) reserve(ev Reserved) {
	o, _ := s.find(ev.Operator)
	stands := o != nil && !o.removed && !o.Disabled && o.registered && o.caller == nil && !o.engaged() &&
		o.quietUntil.IsZero() // else the ringing that was taken back may still be heard
	if stands {
		o.reserved = true
		s.review(o, WhyReserved)
	}
	s.emit(Replied{Operator: ev.Operator, Stood: stands})
}

func (s *State) release(ev Released) {
	if o, _ := s.find(ev.Operator); o != nil && o.reserved {
		o.reserved = false
		s.review(o, WhyReleased)
	}
}

// transfer moves a talk to another operator, or out of the house.
func (s *State) transfer(ev Transferred) {
	c := s.calls[ev.Call]
	next, _ := s.find(ev.To)
	switch {
	case c == nil || !c.talking:
		s.emit(Replied{Call: ev.Call, Operator: ev.To})
		return
	case ev.To == "":
		s.emit(Replied{Call: ev.Call, Stood: true})
		s.quiet(c.operator)
		s.end(c, WhyTransferred)
		return
	case next == nil || next.removed || next.caller != nil || !next.reserved:
		s.emit(Replied{Call: ev.Call, Operator: ev.To})
		return
	}
	before := c.operator
	s.part(c)
	s.wrapUp(before, s.rule(c.Queue))
	s.quiet(before)
	c.operator, c.talking, next.caller, next.reserved = next, true, c, false
	s.review(before, WhyTransferred)
	s.settle(next, WhyTransferred, s.now)
	s.emit(Replied{Call: ev.Call, Operator: ev.To, Stood: true})
}

// quiet lets a telephone come to rest before it is rung for anybody: it still rings, or is about to
// be told of the end of a transfer and then hung up.
func (s *State) quiet(o *operator) { o.quietUntil = s.now.Add(Quiet) }

func (s *State) enter(t Ticket) {
	r := s.rule(t.Queue)
	switch {
	case r == nil || r.retired:
		s.emit(Refused{fmt.Errorf("queue %q: %w", t.Queue, ErrNoQueue)})
	case s.calls[t.Call] != nil:
		s.emit(Refused{fmt.Errorf("call %s: %w", t.Call, ErrDoubled)})
	default:
		c := &caller{Ticket: t}
		s.calls[t.Call] = c
		r.calls++
		s.wait(c, false, WhyEntered)
	}
}

// leave ends the call's part in all this, whatever it was.
func (s *State) leave(ev Left) {
	c := s.calls[ev.Call]
	if c == nil {
		return
	}
	why := WhyCallerLeft
	if c.talking {
		why = WhyCallEnded
	}
	s.end(c, why)
}

// end takes a caller out of the books.
func (s *State) end(c *caller, why Why) {
	delete(s.calls, c.Call)
	s.unwait(c)
	r := s.rule(c.Queue)
	if !c.talking && !c.talked {
		s.emit(Abandoned{Call: c.Call, Queue: c.Queue, Waited: s.now.Sub(c.since)})
	}
	if o := c.operator; o != nil {
		if c.talking {
			s.wrapUp(o, r)
		}
		s.part(c)
		s.review(o, why)
	}
	if r.calls--; r.retired && r.calls == 0 {
		s.rules = slices.DeleteFunc(s.rules, func(r ruled) bool { return r.retired && r.calls == 0 })
	}
	s.emit(Finished{Call: c.Call})
}

// wrapUp leaves the operator of a talk that is over alone for a while. The last talk decides for how
// long, also for one who was reserved out of another's wrap-up.
func (s *State) wrapUp(o *operator, r *ruled) {
	o.wrapUntil = time.Time{}
	if r.WrapUp > 0 {
		o.wrapUntil = s.now.Add(r.WrapUp)
	}
}

// report takes what became of an order to ring. One that no longer matters changes nothing.
func (s *State) report(ev Reported) {
	c := s.calls[ev.Call]
	if c == nil || c.operator == nil || c.operator.Name != ev.Operator {
		s.emit(Replied{Call: ev.Call, Operator: ev.Operator})
		return
	}
	switch o := c.operator; {
	case c.talking && ev.Result == Lost:
		s.comeBack(c, WhyLost)
	case c.talking && ev.Result == Busy:
		s.comeBack(c, WhyBusy)
	case c.talking: // doubled, or overtaken by the answer
	case ev.Result == Answered:
		s.connect(c)
	case ev.Result == Unreachable, ev.Result == Lost:
		s.missed(o, WhyUnreachable, s.now)
	case ev.Result == Busy:
		s.missed(o, WhyBusy, s.now)
	default:
		s.missed(o, WhyNoAnswer, s.now)
	}
	s.emit(Replied{Call: ev.Call, Operator: ev.Operator, Stood: c.talking})
}

func (s *State) connect(c *caller) {
	o := c.operator
	c.talking = true
	o.deadline = time.Time{}
	s.unwait(c)
	waited := s.now.Sub(c.since)
	s.emit(Connected{
		Call: c.Call, Queue: c.Queue, Operator: o.Name,
		Waited: waited, InTarget: waited <= s.rule(c.Queue).Target, Again: c.talked,
	})
	s.settle(o, WhyAnswered, s.now)
}

// comeBack returns a caller whose operator is gone to the line, where the first arrival counts.
// The operator rests as after a missed offer.
func (s *State) comeBack(c *caller, why Why) {
	o := c.operator
	s.part(c)
	c.talked = true
	o.rest(s.now, why == WhyLost)
	s.review(o, why)
	s.wait(c, true, why)
}

// part takes caller and operator from each other; the states follow by review or settle.
func (s *State) part(c *caller) {
	o := c.operator
	o.caller, o.deadline = nil, time.Time{}
	c.operator, c.talking = nil, false
}

// missed ends an offer that the operator let pass.
func (s *State) missed(o *operator, why Why, at time.Time) {
	s.part(o.caller)
	o.rest(at, why == WhyUnreachable)
	s.settle(o, why, at)
}

// withdraw takes an offer back for a reason on the operator's side; the state follows.
func (s *State) withdraw(o *operator, why Why) {
	c := o.caller
	s.part(c)
	s.quiet(o)
	s.emit(Withdrawn{Call: c.Call, Operator: o.Name, Why: why})
}

// match offers waiting callers to free operators: callers in their order, each to the longest
// idle of those who fit.
func (s *State) match() {
	var free []*operator
	for _, o := range s.operators {
		if o.free() {
			free = append(free, o)
		}
	}
	slices.SortFunc(free, func(a, b *operator) int {
		return cmp.Or(a.idle.Compare(b.idle), strings.Compare(a.Name, b.Name))
	})
	for _, c := range s.waiting {
		if len(free) == 0 {
			return
		}
		if c.operator != nil {
			continue
		}
		if i := slices.IndexFunc(free, func(o *operator) bool { return o.fits(c) }); i >= 0 {
			s.offer(c, free[i], free)
			free = slices.Delete(free, i, i+1)
		}
	}
}

// offer gives the caller to the operator, until the deadline.
func (s *State) offer(c *caller, o *operator, free []*operator) {
	c.operator, o.caller = o, c
	o.deadline = s.now.Add(s.rule(c.Queue).Offer)
	fit := 0
	for _, f := range free {
		if f.fits(c) {
			fit++
		}
	}
	s.emit(Offered{
		Call: c.Call, Queue: c.Queue, Language: c.Language, Operator: o.Name, Deadline: o.deadline,
		Waited: s.now.Sub(c.since), Idle: s.now.Sub(o.idle), Free: fit,
	})
	s.settle(o, WhyOffered, s.now)
}

// next is when the earliest timer runs out; zero: none runs.
func (s *State) next() time.Time {
	var at time.Time
	for _, o := range s.operators {
		at = earlier(at, o.due())
	}
	return at
}

// expire lets all that is due happen, in the order it fell due (together: by name), so that a
// late Tick leaves the operators in the same order of idleness as punctual ones.
func (s *State) expire() {
	for {
		var first *operator
		var at time.Time
		for _, o := range s.operators {
			if due := o.due(); !due.IsZero() && !due.After(s.now) && (first == nil || due.Before(at)) {
				first, at = o, due
			}
		}
		if first == nil {
			return
		}
		s.expireOne(first, at)
	}
}

func (s *State) expireOne(o *operator, at time.Time) {
	over := func(t time.Time) bool { return !t.IsZero() && !t.After(at) }
	switch {
	case !o.deadline.IsZero() && !o.deadline.Add(Grace).After(at):
		s.emit(Withdrawn{Call: o.caller.Call, Operator: o.Name, Why: WhyOverdue})
		s.missed(o, WhyOverdue, at)
	case over(o.wrapUntil):
		o.wrapUntil = time.Time{}
		s.settle(o, WhyWrapUpEnded, at)
	case over(o.restUntil):
		o.restUntil, o.silent = time.Time{}, false
		s.settle(o, WhyRested, at)
	case over(o.quietUntil):
		o.quietUntil = time.Time{}
	}
}
