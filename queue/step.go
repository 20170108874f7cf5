package queue

import (
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
	case Held:
		s.hold(ev)
	case Transferred:
		s.transfer(ev)
	case Prioritised:
		s.prioritise(ev)
	case Told:
		s.tell(ev)
	case CallbackAsked:
		s.askCallback(ev.Ticket)
	case CallbackReached:
		s.callbackReached(ev)
	case CallbackFailed:
		s.callbackFailed(ev)
	case HoursSet:
		s.setHours(ev)
	case OperatorsSet:
		s.setOperators(ev.Operators)
	case PhoneChanged:
		s.phone(ev)
	case Paused:
		s.of(ev.Operator, func(o *operator) { s.pause(o, ev) })
	case Resumed:
		s.of(ev.Operator, s.resume)
	case WrapUpExtended:
		s.of(ev.Operator, s.extendWrapUp)
	case Disposed:
		s.of(ev.Operator, func(o *operator) { s.dispose(o, ev.Topic) })
	case OwnCallChanged:
		s.ownCall(ev)
	case Reserved:
		s.reserve(ev)
	case Released:
		s.release(ev)
	case RulesSet:
		s.house = ev.House
		s.setRules(ev.Rules)
	case Restarted:
		s.restart()
	case PhonesTold:
		s.phonesTold()
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
	case c == nil || c.waits():
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
	s.part(before)
	s.wrapUp(before, c.rule)
	s.quiet(before)
	next.caller, next.reserved = c, false
	s.talk(c, next)
	s.review(before, WhyTransferred)
	s.settle(next, WhyTransferred, s.now)
	s.emit(Replied{Call: ev.Call, Operator: ev.To, Stood: true})
}

// enter lets a caller in.
func (s *State) enter(t Ticket) {
	r := s.rule(t.Queue)
	if err := s.admit(t, r); err != nil {
		s.emit(Refused{err})
		return
	}
	s.begin(newCaller(t, r, s.now))
}

// newCaller is somebody who will wait from now on.
func newCaller(t Ticket, r *ruled, now time.Time) *caller {
	c := &caller{Ticket: t, rule: r, entered: now}
	c.timer = timer{key: "~" + string(t.Call), caller: c} // after operators, whose keys begin with o
	for c.step < len(r.Steps) && r.Steps[c.step].After <= 0 {
		c.step++
	}
	return c
}

func (s *State) begin(c *caller) {
	s.calls[c.Call] = c
	c.rule.calls++
	s.wait(c, false, WhyEntered)
	s.bind(c)
}

// admit says why a caller cannot wait.
func (s *State) admit(t Ticket, r *ruled) error {
	switch {
	case r == nil || r.retired:
		return fmt.Errorf("queue %q: %w", t.Queue, ErrNoQueue)
	case s.calls[t.Call] != nil:
		return fmt.Errorf("call %s: %w", t.Call, ErrDoubled)
	case r.Limit > 0 && !t.callback() && !t.Passed && r.waiting() >= r.Limit:
		return fmt.Errorf("queue %q: %w", t.Queue, ErrFull)
	}
	return nil
}

// leave ends the call's part in all this, whatever it was.
func (s *State) leave(ev Left) {
	c := s.calls[ev.Call]
	switch {
	case c == nil:
	case c.waits() || !c.live():
		s.end(c, WhyCallerLeft)
	default:
		s.end(c, WhyCallEnded)
	}
}

// end takes a caller out of the books.
func (s *State) end(c *caller, why Why) {
	s.farewell(c, why)
	delete(s.calls, c.Call)
	s.unbind(c)
	s.unwait(c)
	s.stopRinging(c, "", why)
	if o := c.operator; o != nil {
		if c.live() {
			s.wrapUp(o, c.rule)
			c.rule.pace(c.Language).finished(s.now.Sub(o.joined) + c.rule.WrapUp)
		}
		s.part(o)
		s.review(o, why)
	}
	if c.rule.calls--; c.rule.retired && c.rule.calls == 0 {
		s.rules = slices.DeleteFunc(s.rules, func(r *ruled) bool { return r == c.rule })
	}
	s.emit(Finished{Call: c.Call})
}

// farewell tells what became of the caller, where nothing else has.
func (s *State) farewell(c *caller, why Why) {
	if c.callback() {
		delete(s.parties, c.Party)
		outcome := CallbackCancelled
		switch {
		case c.reached:
			outcome = CallbackDone
		case why == WhyNotReached:
			outcome = CallbackGivenUp
		}
		s.emit(CallbackClosed{Call: c.Call, Queue: c.Queue, Outcome: outcome, Tries: c.tries, Waited: s.now.Sub(c.entered)})
		return
	}
	if c.counted || why == WhyRestarted || why == WhyAskedCallback {
		return
	}
	waited := s.now.Sub(c.since)
	s.emit(Abandoned{
		Call: c.Call, Queue: c.Queue, Language: c.Language, Waited: waited,
		InTarget: waited <= c.rule.Target, Short: waited < c.rule.Short, Expired: c.expired,
	})
}

// stopRinging takes all offers of a caller back, except that to one operator.
func (s *State) stopRinging(c *caller, except string, why Why) {
	for _, o := range slices.Clone(c.ringing) {
		if o.Name == except {
			continue
		}
		if why == WhyElsewhere {
			s.withdraw(o, why)
		} else {
			s.part(o)
		}
		s.review(o, why)
	}
}

// report takes what became of an order to ring. One that no longer matters changes nothing.
func (s *State) report(ev Reported) {
	c := s.calls[ev.Call]
	o, _ := s.find(ev.Operator)
	if c == nil || o == nil || o.caller != c {
		s.emit(Replied{Call: ev.Call, Operator: ev.Operator})
		return
	}
	switch {
	case o.talking() && ev.Result == Lost:
		s.comeBack(c, WhyLost)
	case o.talking() && ev.Result == Busy:
		s.comeBack(c, WhyBusy)
	case o.talking(): // doubled, or overtaken by the answer
	case ev.Result == Answered:
		s.connect(c, o)
	case ev.Result == Unreachable, ev.Result == Lost:
		s.missed(o, WhyUnreachable, s.now)
	case ev.Result == Busy:
		s.missed(o, WhyBusy, s.now)
	default:
		s.missed(o, WhyNoAnswer, s.now)
	}
	s.emit(Replied{Call: ev.Call, Operator: ev.Operator, Stood: o.talking()})
}

// connect gives the caller to the operator who answered first.
func (s *State) connect(c *caller, o *operator) {
	s.stopRinging(c, o.Name, WhyElsewhere)
	s.unbind(c)
	s.unwait(c)
	s.talk(c, o)
	if c.live() {
		s.connected(c)
	}
	s.settle(o, WhyAnswered, s.now)
}

// talk makes the two talk.
func (s *State) talk(c *caller, o *operator) {
	c.operator, c.ringing, c.held = o, nil, false
	o.deadline, o.joined, o.inRow, o.extend = time.Time{}, s.now, 0, 0
	o.last, o.lastFor = c.Call, c.rule
	o.silent = false // the telephone has reacted
	s.touch(o)
	s.touchCaller(c)
}

// connected tells of the end of a wait.
func (s *State) connected(c *caller) {
	since := c.since
	if c.callback() {
		since = c.entered
	}
	waited := s.now.Sub(since)
	told := Connected{
		Call: c.Call, Queue: c.Queue, Language: c.Language, Operator: c.operator.Name,
		Waited: waited, InTarget: waited <= c.rule.Target, Again: c.counted, Callback: c.callback(),
	}
	if !c.toldAt.IsZero() && !c.counted {
		told.Told, told.Error = true, s.now.Sub(c.toldAt)-c.told
	}
	s.emit(told)
	if !c.counted && !c.callback() {
		c.rule.pace(c.Language).answered(waited, s.now)
	}
	c.counted = true
}

// comeBack returns a caller whose operator is gone to the line, where the first arrival counts.
// The operator rests as after a missed offer.
func (s *State) comeBack(c *caller, why Why) {
	o := c.operator
	s.part(o)
	o.rest(s.now, why == WhyLost)
	s.review(o, why)
	s.wait(c, true, why)
}

// part takes an operator's caller from them; the states follow by review or settle.
func (s *State) part(o *operator) {
	c := o.caller
	if c.operator == o {
		o.talked += s.now.Sub(o.joined)
		c.operator, c.held = nil, false
	} else if i := slices.Index(c.ringing, o); i >= 0 {
		c.ringing = slices.Delete(c.ringing, i, i+1)
	}
	o.caller, o.deadline = nil, time.Time{}
	s.touch(o)
	s.touchCaller(c)
}

// missed ends an offer that the operator let pass. Who lets too many pass in a row has left the
// telephone alone, and is paused.
func (s *State) missed(o *operator, why Why, at time.Time) {
	c := o.caller
	s.part(o)
	if c.bound == o {
		s.unbind(c)
	}
	o.rest(at, why == WhyUnreachable)
	if why != WhyUnreachable {
		o.inRow++
	}
	s.emit(Missed{Call: c.Call, Queue: c.Queue, Operator: o.Name, Why: why, InRow: o.inRow})
	if most := c.rule.PauseAfter; most > 0 && o.inRow >= most {
		o.paused, o.reason = true, string(WhyMissed)
		why = WhyMissed
	}
	s.settle(o, why, at)
}

// withdraw takes an offer back for a reason that is not the caller's leaving; the state follows.
func (s *State) withdraw(o *operator, why Why) {
	c := o.caller
	s.part(o)
	s.quiet(o)
	s.emit(Withdrawn{Call: c.Call, Operator: o.Name, Why: why})
}

// hold notes whether the operator of a talk has put the caller on hold.
func (s *State) hold(ev Held) {
	c := s.calls[ev.Call]
	if c == nil || c.waits() || c.held == ev.On {
		return
	}
	c.held = ev.On
	why := WhyTakenBack
	if ev.On {
		why = WhyHeld
	}
	s.settle(c.operator, why, s.now)
}

func (s *State) prioritise(ev Prioritised) {
	c := s.calls[ev.Call]
	if c == nil {
		s.emit(Refused{fmt.Errorf("call %s: %w", ev.Call, ErrNoCall)})
		return
	}
	c.headStart = ev.HeadStart
	s.rerank(c)
}

func (s *State) tell(ev Told) {
	if c := s.calls[ev.Call]; c != nil && c.waits() && c.toldAt.IsZero() {
		c.told, c.toldAt = ev.Wait, s.now
	}
}

// dispose notes what the operator's last call was about.
func (s *State) dispose(o *operator, topic string) {
	if o.last == "" {
		s.emit(Refused{fmt.Errorf("operator %q: %w", o.Name, ErrNoCall)})
		return
	}
	s.emit(Disposition{Call: o.last, Operator: o.Name, Topic: topic})
}

// restart clears what died with the process: everybody on the line and every telephone. Who was to
// be called back is still to be.
func (s *State) restart() {
	var all []*caller
	for _, c := range s.calls { // in no order, so sorted
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *caller) int { return strings.Compare(string(a.Call), string(b.Call)) })
	for _, o := range s.operators {
		o.ownCalls, o.reserved, o.registered, o.quietUntil = 0, false, false, time.Time{}
		s.touch(o)
	}
	s.phones = map[string]bool{}
	for _, c := range all {
		if c.live() {
			s.end(c, WhyRestarted)
			continue
		}
		if c.Case != "" && c.operator != nil { // whoever was to be called may have been: not twice for one try
			c.tries++
			s.end(c, WhyNotReached)
			continue
		}
		s.stopRinging(c, "", WhyRestarted)
		if o := c.operator; o != nil {
			s.part(o)
			s.review(o, WhyRestarted)
			s.wait(c, true, WhyRestarted)
		}
	}
	for _, o := range slices.Clone(s.operators) {
		s.review(o, WhyRestarted)
	}
}

// phonesTold signs those off whose telephone did not outlive the restart.
func (s *State) phonesTold() {
	for _, o := range slices.Clone(s.operators) {
		if !o.registered {
			o.signedOn = false
			s.review(o, WhyUnregistered)
		}
	}
}
