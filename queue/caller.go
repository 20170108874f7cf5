package queue

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// caller is one call between Entered and Left, or somebody who is to be called back.
type caller struct {
	Ticket
	rule      *ruled
	rank      time.Time     // the arrival, moved forward by head starts: decides the order
	headStart time.Duration // of its own
	entered   time.Time     // when the first wait began
	since     time.Time     // when the present one did
	step      int           // how many of the rule's Steps have come
	spread    int           // how many of the rule's Overflow have come

	ringing  []*operator // who is rung for it, in the order in which they were offered
	operator *operator   // who talks to it
	held     bool        // by the operator
	counted  bool        // its wait was told as Connected
	expired  bool        // has waited as long as one may

	bound      *operator // waits for the operator of last time alone
	boundUntil time.Time

	reached   bool      // of a callback: there is somebody on the line
	tries     int       // of a callback: so many did not reach anybody
	notBefore time.Time // of a callback: the next try; zero: at once

	told   time.Duration // how long it would take, as it was said; see toldAt
	toldAt time.Time     // zero: nothing was said

	filed   filing // where the caller stands among those who want an operator
	touched bool   // to be filed anew
	timer   timer
}

// byRank orders callers as they are to be served.
func byRank(a, b *caller) int {
	return cmp.Or(a.rank.Compare(b.rank), strings.Compare(string(a.Call), string(b.Call)))
}

// live reports whether somebody is on the line.
func (c *caller) live() bool { return !c.callback() || c.reached }

// waits reports whether the caller has no operator.
func (c *caller) waits() bool { return c.operator == nil }

// asleep reports whether a callback's time has not come.
func (c *caller) asleep() bool { return !c.live() && (!c.notBefore.IsZero() || c.rule.closed) }

// need is what an operator must know at the caller's present step.
func (c *caller) need() Step {
	if c.step > 0 {
		return c.rule.Steps[c.step-1]
	}
	return Step{Language: MinLevel}
}

// nextStep is when a later step comes; zero: never.
func (c *caller) nextStep() time.Time {
	if !c.waits() || c.step >= len(c.rule.Steps) {
		return time.Time{}
	}
	return c.entered.Add(c.rule.Steps[c.step].After)
}

// nextOverflow is when the next queue helps; zero: never.
func (c *caller) nextOverflow() time.Time {
	if !c.waits() || c.spread >= len(c.rule.Overflow) {
		return time.Time{}
	}
	return c.entered.Add(c.rule.Overflow[c.spread].After)
}

// end is when the caller has waited long enough; zero: never. An operator who is being rung may
// still answer.
func (c *caller) end() time.Time {
	if !c.waits() || len(c.ringing) > 0 || c.expired || !c.live() || c.rule.Longest == 0 {
		return time.Time{}
	}
	return c.since.Add(c.rule.Longest)
}

// due is the caller's next timer; zero: none runs.
func (c *caller) due() time.Time {
	at := earlier(c.nextStep(), c.nextOverflow())
	at = earlier(at, c.end())
	if c.waits() {
		at = earlier(at, earlier(c.boundUntil, c.notBefore))
	}
	return at
}

// wait puts the caller in the line, where its rank says, and tells its place.
func (s *State) wait(c *caller, again bool, why Why) {
	c.since = s.now
	c.within() // a reload may have come during the talk
	c.rank = c.Arrived.Add(-c.rule.HeadStart - c.headStart)
	at := c.rule.insert(c)
	s.touchCaller(c)
	s.flush() // so that the staff is that of now
	s.emit(Queued{
		Call: c.Call, Queue: c.Queue, Language: c.Language, Position: at + 1, Again: again, Callback: !c.live(),
		Why: why, Staff: s.staff(c),
	})
	s.catchUp(c)
}

// catchUp brings a caller who waits to the steps and overflows that have come by the rules of now: a
// reload may have moved them, and in a talk they stand still.
func (s *State) catchUp(c *caller) {
	waited, steps, spread := s.now.Sub(c.entered), 0, 0
	for steps < len(c.rule.Steps) && c.rule.Steps[steps].After <= waited {
		steps++
	}
	for spread < len(c.rule.Overflow) && c.rule.Overflow[spread].After <= waited {
		spread++
	}
	c.step, c.spread = min(c.step, steps), min(c.spread, spread)
	for c.step < steps {
		s.relax(c)
	}
	for c.spread < spread {
		s.overflow(c)
	}
	s.reconsider(c)
}

// relax takes the caller to the next step.
func (s *State) relax(c *caller) {
	c.step++
	s.emit(Relaxed{Call: c.Call, Queue: c.Queue, Step: c.step, Waited: c.rule.Steps[c.step-1].After})
}

// overflow lets the operators of one more queue take the caller.
func (s *State) overflow(c *caller) {
	next := c.rule.Overflow[c.spread]
	c.spread++
	s.emit(Overflowed{Call: c.Call, Queue: c.Queue, To: next.To, Waited: next.After})
}

// insert puts the caller in the line, where its rank says.
func (r *ruled) insert(c *caller) (at int) {
	at, _ = slices.BinarySearchFunc(r.line, c, byRank)
	r.line = slices.Insert(r.line, at, c)
	return at
}

// unwait takes the caller out of the line.
func (s *State) unwait(c *caller) {
	if i, found := slices.BinarySearchFunc(c.rule.line, c, byRank); found {
		c.rule.line = slices.Delete(c.rule.line, i, i+1)
	}
	s.touchCaller(c)
}

// position is the caller's place in its queue, from 1; 0: not waiting.
func (s *State) position(c *caller) int {
	i, found := slices.BinarySearchFunc(c.rule.line, c, byRank)
	if !found {
		return 0
	}
	return i + 1
}

// rerank moves the caller to where its head starts now put it.
func (s *State) rerank(c *caller) {
	waiting := s.position(c) > 0
	s.unwait(c)
	s.unfile(c)
	c.rank = c.Arrived.Add(-c.rule.HeadStart - c.headStart)
	if waiting {
		c.rule.insert(c)
	}
	s.touchCaller(c)
}

// bind lets the caller wait for the operator of last time, if they are at work.
func (s *State) bind(c *caller) {
	o, _ := s.find(c.Last)
	if c.Last == "" || c.rule.LastOperator == 0 || o == nil || !o.atWork() {
		return
	}
	if f := s.fitOf(s.demandOf(c), o.ability); !f.ok {
		return
	}
	c.bound, c.boundUntil = o, s.now.Add(c.rule.LastOperator)
	o.bound = append(o.bound, c)
	s.touchCaller(c)
}

// unbind lets others take the caller.
func (s *State) unbind(c *caller) {
	if c.bound == nil {
		return
	}
	if i := slices.Index(c.bound.bound, c); i >= 0 {
		c.bound.bound = slices.Delete(c.bound.bound, i, i+1)
	}
	c.bound, c.boundUntil = nil, time.Time{}
	s.touchCaller(c)
}

// unbindAll gives up waiting for an operator who is not coming soon.
func (s *State) unbindAll(o *operator) {
	for len(o.bound) > 0 {
		s.unbind(o.bound[0])
	}
}
