package queue

import (
	"slices"
	"time"

	"hotline/call"
)

// sooner is the earlier of two times of which zero is never.
func sooner(a, b time.Time) time.Time {
	switch {
	case a.IsZero():
		return b
	case b.IsZero() || a.Before(b):
		return a
	}
	return b
}

func (o *seenOp) due() time.Time {
	at := sooner(o.wrap, sooner(o.rest, o.quiet))
	if !o.deadline.IsZero() {
		at = sooner(at, o.deadline.Add(Grace))
	}
	return at
}

// due is when the next thing happens to a caller who waits, and what it is.
func (c *seenCall) due() (at time.Time, what string) {
	if c.with != nil {
		return at, ""
	}
	note := func(t time.Time, name string) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at, what = t, name
		}
	}
	note(c.boundUntil, "bound")
	if c.step < len(c.r.Steps) {
		note(c.entered.Add(c.r.Steps[c.step].After), "step")
	}
	if c.spread < len(c.r.Overflow) {
		note(c.entered.Add(c.r.Overflow[c.spread].After), "overflow")
	}
	note(c.again, "again")
	if c.r.Longest > 0 && c.live() && !c.expired && len(c.ringing) == 0 {
		note(c.since.Add(c.r.Longest), "longest")
	}
	return at, what
}

// earliest is who is due first, and when: operators before callers, by name.
func (w *witness) earliest() (at time.Time, o *seenOp, c *seenCall) {
	for _, x := range w.ops {
		if t := x.due(); !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at, o = t, x
		}
	}
	for _, x := range w.calls {
		t, _ := x.due()
		if !t.IsZero() && (at.IsZero() || t.Before(at) || t.Equal(at) && o == nil && x.Call < c.Call) {
			at, o, c = t, nil, x
		}
	}
	return at, o, c
}

// expire accounts for time, one thing after another as they fell due (I8, I9, I14).
func (w *witness) expire() {
	for {
		at, o, c := w.earliest()
		if at.IsZero() || at.After(w.now) {
			return
		}
		if o != nil {
			w.operatorDue(o, at)
		} else {
			w.callerDue(c, at)
		}
		w.sweep()
	}
}

func (w *witness) operatorDue(o *seenOp, at time.Time) {
	switch {
	case !o.deadline.IsZero() && o.deadline.Add(Grace).Equal(at):
		w.expect(Withdrawn{o.call.Call, o.Name, WhyOverdue})
		w.miss(o, WhyOverdue, at)
	case o.wrap.Equal(at):
		o.wrap = time.Time{}
		w.settle(o, WhyWrapUpEnded, at)
	case o.rest.Equal(at):
		o.rest, o.silent = time.Time{}, false
		w.settle(o, WhyRested, at)
	default:
		o.quiet = time.Time{}
	}
}

func (w *witness) callerDue(c *seenCall, at time.Time) {
	switch _, what := c.due(); what {
	case "bound":
		c.bound, c.boundUntil = nil, time.Time{}
	case "step":
		c.step++
		w.expect(Relaxed{c.Call, c.Queue, c.step, at.Sub(c.entered)})
		w.reconsider(c)
	case "overflow":
		w.expect(Overflowed{c.Call, c.Queue, c.r.Overflow[c.spread].To, at.Sub(c.entered)})
		c.spread++
	case "again":
		c.again = time.Time{}
	case "longest":
		c.expired = true
		w.expect(Expired{c.Call, c.Queue, at.Sub(c.since)})
	}
}

// sweep frees those from waiting for one operator who is not coming, or may not have them any more.
func (w *witness) sweep() {
	for _, c := range w.calls {
		if c.bound == nil {
			continue
		}
		if ok, _, _ := suits(c, c.bound); !ok || !c.bound.atWork() {
			c.bound, c.boundUntil = nil, time.Time{}
		}
	}
}

// settle gives an operator the state that the account says.
func (w *witness) settle(o *seenOp, why Why, at time.Time) {
	from, to := o.state, w.stateOf(o)
	if from == to {
		return
	}
	o.state = to
	if to == OperatorReady && from != OperatorOffered {
		o.idle = at
	}
	changed := OperatorChanged{Operator: o.Name, From: from, To: to, Why: why, At: at}
	if o.call != nil {
		changed.Call = o.call.Call
	}
	if to == OperatorPaused {
		changed.Reason = o.reason
	}
	w.expect(changed)
}

// review takes back an offer that may not stand (I9), and forgets one who is gone.
func (w *witness) review(o *seenOp, why Why) {
	if c := o.call; c != nil && !o.talking() {
		ok, _, _ := suits(c, o)
		if !ok || !o.atWork() || o.engaged() || c.bound != nil && c.bound != o {
			w.takeBack(o, why)
		}
	}
	w.settle(o, why, w.now)
	if o.gone && o.call == nil {
		w.ops = slices.DeleteFunc(w.ops, func(x *seenOp) bool { return x == o })
		w.sweep()
	}
}

func (w *witness) takeBack(o *seenOp, why Why) {
	w.expect(Withdrawn{o.call.Call, o.Name, why})
	w.part(o)
	o.quiet = w.now.Add(Quiet)
}

func (w *witness) part(o *seenOp) {
	c := o.call
	if c.with == o {
		o.talked += w.now.Sub(o.joined)
		c.with, c.held = nil, false
	}
	c.ringing = slices.DeleteFunc(c.ringing, func(x *seenOp) bool { return x == o })
	o.call, o.deadline = nil, time.Time{}
}

func (w *witness) miss(o *seenOp, why Why, at time.Time) {
	c := o.call
	w.part(o)
	if c.bound == o {
		c.bound, c.boundUntil = nil, time.Time{}
	}
	o.idle, o.rest, o.silent = at, at.Add(Rest), why == WhyUnreachable
	if why != WhyUnreachable {
		o.inRow++
	}
	w.expect(Missed{c.Call, c.Queue, o.Name, why, o.inRow})
	if c.r.PauseAfter > 0 && o.inRow >= c.r.PauseAfter {
		o.paused, o.reason, why = true, string(WhyMissed), WhyMissed
	}
	w.settle(o, why, at)
}

func (w *witness) reconsider(c *seenCall) {
	for _, o := range slices.Clone(c.ringing) {
		if ok, _, _ := suits(c, o); !ok {
			w.takeBack(o, WhyEdited)
			w.settle(o, WhyEdited, w.now)
		}
	}
}

// account applies the event to the witness's own books.
func (w *witness) account(ev Event) {
	switch ev := ev.(type) {
	case Entered:
		w.enter(ev.Ticket, nil)
	case CallbackAsked:
		w.askCallback(ev.Ticket)
	case Left:
		if c := w.call(ev.Call); c != nil {
			why := WhyCallEnded
			if c.with == nil || !c.live() {
				why = WhyCallerLeft
			}
			w.end(c, why)
		}
	case Reported:
		w.reported(ev)
	case Held:
		if c := w.call(ev.Call); c != nil && c.with != nil && c.held != ev.On {
			c.held = ev.On
			w.settle(c.with, map[bool]Why{true: WhyHeld, false: WhyTakenBack}[ev.On], w.now)
		}
	case Transferred:
		w.transferred(ev)
	case Prioritised:
		if c := w.call(ev.Call); c != nil {
			c.own = ev.HeadStart
		} else {
			w.expect(Refused{ErrNoCall})
		}
	case Told:
		if c := w.call(ev.Call); c != nil && c.with == nil && c.toldAt.IsZero() {
			c.told, c.toldAt = ev.Wait, w.now
		}
	case CallbackReached:
		if c := w.call(ev.Call); c != nil && c.with != nil && !c.live() {
			c.reached = true
			w.connected(c)
		}
	case CallbackFailed:
		w.callbackFailed(ev)
	case HoursSet:
		w.setHours(ev)
	case RulesSet:
		w.house = ev.House
		w.setRules(ev.Rules)
	case Restarted:
		w.restarted()
	case Tick:
	default:
		w.accountOperator(ev)
	}
}

// admit says why somebody cannot wait.
func (w *witness) admit(t Ticket) error {
	r := w.rule(t.Queue)
	if r == nil || r.retired {
		return ErrNoQueue
	}
	if w.call(t.Call) != nil {
		return ErrDoubled
	}
	waiting := 0
	for _, c := range w.calls {
		if c.r == r && c.with == nil && c.live() {
			waiting++
		}
	}
	if r.Limit > 0 && waiting >= r.Limit && t.Party == "" && !t.Passed {
		return ErrFull
	}
	return nil
}

// enter lets somebody in, in the place of another where that one asks.
func (w *witness) enter(t Ticket, asks *seenCall) {
	if err := w.admit(t); err != nil {
		w.expect(Refused{err})
		return
	}
	c := &seenCall{Ticket: t, r: w.rule(t.Queue), entered: w.now}
	for c.step < len(c.r.Steps) && c.r.Steps[c.step].After <= 0 {
		c.step++
	}
	if t.Party != "" {
		w.parties[t.Party] = true
	}
	if asks != nil {
		c.entered, c.step, c.spread, c.own = asks.entered, asks.step, asks.spread, asks.own
		w.end(asks, WhyAskedCallback)
	}
	w.calls = append(w.calls, c)
	w.queued(c, false, WhyEntered)
	if o := w.op(c.Last); c.Last != "" && o != nil && c.r.LastOperator > 0 && o.atWork() {
		if ok, _, _ := suits(c, o); ok {
			c.bound, c.boundUntil = o, w.now.Add(c.r.LastOperator)
		}
	}
}

func (w *witness) queued(c *seenCall, again bool, why Why) {
	c.since = w.now
	c.step, c.spread = min(c.step, len(c.r.Steps)), min(c.spread, len(c.r.Overflow))
	w.expect(Queued{
		Call: c.Call, Queue: c.Queue, Language: c.Language, Position: w.place(c), Again: again, Callback: !c.live(),
		Why: why, Staff: w.staff(c),
	})
	w.catchUp(c)
}

// catchUp brings a caller to the steps and overflows that its wait has come to by the rules of now.
func (w *witness) catchUp(c *seenCall) {
	waited, steps, overflows := w.now.Sub(c.entered), 0, 0
	for _, s := range c.r.Steps {
		if s.After <= waited {
			steps++
		}
	}
	for _, o := range c.r.Overflow {
		if o.After <= waited {
			overflows++
		}
	}
	for c.step = min(c.step, steps); c.step < steps; {
		c.step++
		w.expect(Relaxed{c.Call, c.Queue, c.step, c.r.Steps[c.step-1].After})
	}
	for c.spread = min(c.spread, overflows); c.spread < overflows; {
		c.spread++
		w.expect(Overflowed{c.Call, c.Queue, c.r.Overflow[c.spread-1].To, c.r.Overflow[c.spread-1].After})
	}
	w.reconsider(c)
}

// end takes a call out of the books, and says what became of it (I3).
func (w *witness) end(c *seenCall, why Why) {
	waited := w.now.Sub(c.since)
	switch {
	case c.Party != "":
		delete(w.parties, c.Party)
		outcome := CallbackCancelled
		if c.reached {
			outcome = CallbackDone
		} else if why == WhyNotReached {
			outcome = CallbackGivenUp
		}
		w.expect(CallbackClosed{c.Call, c.Queue, outcome, c.tries, w.now.Sub(c.entered)})
	case !c.counted && why != WhyRestarted && why != WhyAskedCallback:
		w.expect(Abandoned{
			Call: c.Call, Queue: c.Queue, Language: c.Language, Waited: waited,
			InTarget: waited <= c.r.Target, Short: waited < c.r.Short, Expired: c.expired,
		})
	}
	w.calls = slices.DeleteFunc(w.calls, func(x *seenCall) bool { return x == c })
	for _, o := range slices.Clone(c.ringing) {
		w.part(o)
		w.review(o, why)
	}
	if o := c.with; o != nil {
		if c.live() {
			w.wrapUp(o, c.r)
			p := c.r.pace(c.Language)
			p.handled = append(p.handled, w.now.Sub(o.joined)+c.r.WrapUp)
		}
		w.part(o)
		w.review(o, why)
	}
	w.dropEmpty()
	w.expect(Finished{c.Call})
}

func (w *witness) wrapUp(o *seenOp, r *seenRules) {
	one := r.WrapUp
	if one == 0 {
		one = time.Minute
	}
	o.wrap = time.Time{}
	if d := r.WrapUp + time.Duration(o.extend)*one; d > 0 {
		o.wrap = w.now.Add(min(d, max(15*time.Minute, r.WrapUp)))
	}
	o.extend = 0
}

func (r *seenRules) pace(l call.Language) *seenPace {
	if r.paces[l] == nil {
		r.paces[l] = &seenPace{}
	}
	return r.paces[l]
}

func (w *witness) reported(ev Reported) {
	c, o := w.call(ev.Call), w.op(ev.Operator)
	stood := false
	switch {
	case c == nil || o == nil || o.call != c:
	case o.talking() && (ev.Result == Lost || ev.Result == Busy):
		why := WhyBusy
		if ev.Result == Lost {
			why = WhyLost
		}
		w.part(o)
		o.idle, o.rest, o.silent = w.now, w.now.Add(Rest), ev.Result == Lost
		w.review(o, why)
		w.queued(c, true, why)
	case o.talking():
		stood = true
	case ev.Result == Answered:
		stood = true
		for _, other := range slices.Clone(c.ringing) {
			if other != o {
				w.takeBack(other, WhyElsewhere)
				w.review(other, WhyElsewhere)
			}
		}
		c.bound, c.boundUntil = nil, time.Time{}
		w.talk(c, o)
		if c.live() {
			w.connected(c)
		}
		w.settle(o, WhyAnswered, w.now)
	case ev.Result == Unreachable || ev.Result == Lost:
		w.miss(o, WhyUnreachable, w.now)
	case ev.Result == Busy:
		w.miss(o, WhyBusy, w.now)
	default:
		w.miss(o, WhyNoAnswer, w.now)
	}
	w.expect(Replied{ev.Call, ev.Operator, stood})
}

func (w *witness) talk(c *seenCall, o *seenOp) {
	c.with, c.ringing, c.held = o, nil, false
	o.call, o.deadline, o.joined, o.inRow, o.extend = c, time.Time{}, w.now, 0, 0
	o.last, o.lastRules, o.silent = c.Call, c.r, false
}

func (w *witness) connected(c *seenCall) {
	since := c.since
	if c.Party != "" {
		since = c.entered
	}
	waited := w.now.Sub(since)
	said := Connected{
		Call: c.Call, Queue: c.Queue, Language: c.Language, Operator: c.with.Name, Waited: waited,
		InTarget: waited <= c.r.Target, Again: c.counted, Callback: c.Party != "",
	}
	if !c.counted && !c.toldAt.IsZero() {
		said.Told, said.Error = true, w.now.Sub(c.toldAt)-c.told
	}
	w.expect(said)
	if !c.counted && c.Party == "" {
		p := c.r.pace(c.Language)
		p.waits, p.answers = append(p.waits, waited), append(p.answers, w.now)
	}
	c.counted = true
}

func (w *witness) transferred(ev Transferred) {
	c, to := w.call(ev.Call), w.op(ev.To)
	said := Replied{Call: ev.Call, Operator: ev.To}
	switch {
	case c == nil || c.with == nil:
	case ev.To == "":
		said.Stood = true
		c.with.quiet = w.now.Add(Quiet)
		w.end(c, WhyTransferred)
	case to == nil || to.gone || to.call != nil || !to.reserved:
	default:
		said.Stood = true
		from := c.with
		w.part(from)
		w.wrapUp(from, c.r)
		from.quiet = w.now.Add(Quiet)
		to.reserved = false
		w.talk(c, to)
		w.review(from, WhyTransferred)
		w.settle(to, WhyTransferred, w.now)
	}
	w.expect(said)
}
