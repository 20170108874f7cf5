package queue

import "fmt"

// askCallback puts somebody in the line who will be called: in the place of the call that asks, where
// that has one.
func (s *State) askCallback(t Ticket) {
	var asks *caller
	if t.Case == "" {
		asks = s.calls[t.For]
	}
	if asks != nil && !asks.waits() {
		s.emit(Refused{fmt.Errorf("call %s: %w", t.For, ErrNoCall)})
		return
	}
	if _, open := s.parties[t.Party]; open || t.Party == "" {
		s.emit(Refused{fmt.Errorf("call %s: %w", t.Call, ErrCallbackOpen)})
		return
	}
	if asks != nil {
		t.Queue, t.Language, t.Arrived, t.Last = asks.Queue, asks.Language, asks.Arrived, asks.Last
	}
	r := s.rule(t.Queue)
	if err := s.admit(t, r); err != nil {
		s.emit(Refused{err})
		return
	}
	s.parties[t.Party] = t.Call
	c := newCaller(t, r, s.now)
	if asks != nil { // which leaves first, or it would stand before its own callback
		c.entered, c.step, c.spread, c.headStart = asks.entered, asks.step, asks.spread, asks.headStart
		s.end(asks, WhyAskedCallback)
	}
	s.begin(c)
}

// callbackReached makes a callback a talk like others.
func (s *State) callbackReached(ev CallbackReached) {
	c := s.calls[ev.Call]
	if c == nil || c.waits() || c.live() {
		return
	}
	c.reached = true
	s.connected(c)
}

// callbackFailed puts a callback back in the line, for later, or ends it. The operator loses no place
// by it: nobody was there to talk to.
func (s *State) callbackFailed(ev CallbackFailed) {
	c := s.calls[ev.Call]
	if c == nil || c.waits() || c.live() {
		return
	}
	o, idle := c.operator, c.operator.idle
	c.tries++
	if ev.Final || c.tries >= c.Ticket.tries(c.rule.Callback) {
		why := WhyNotReached
		if ev.Final {
			why = WhyCallerLeft
		}
		s.quiet(o)
		s.end(c, why)
	} else {
		s.part(o)
		s.quiet(o)
		s.review(o, WhyNotReached)
		c.notBefore = s.now.Add(c.rule.Callback.Pause)
		s.emit(CallbackMissed{Call: c.Call, Try: c.tries, Again: c.notBefore})
		s.wait(c, true, WhyNotReached)
	}
	if o.state == OperatorReady {
		o.idle = idle
		s.touch(o)
	}
}

// setHours opens or closes a queue for callbacks.
func (s *State) setHours(ev HoursSet) {
	r := s.rule(ev.Queue)
	if r == nil || r.closed == !ev.Open {
		return
	}
	r.closed = !ev.Open
	for _, c := range r.line {
		for r.closed && !c.live() && len(c.ringing) > 0 {
			o := c.ringing[0]
			s.withdraw(o, WhyHoursOver)
			s.review(o, WhyHoursOver)
		}
		s.touchCaller(c)
	}
}
