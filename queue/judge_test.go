package queue

import (
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// judge compares what came out with what had to, and every offer with what an offer has to be.
func (w *witness) judge(cmds []Command) {
	for i, c := range cmds {
		switch c := c.(type) {
		case Offered:
			w.offeredRight(c)
			continue
		case Wake:
			w.wake = c.At
			if i != len(cmds)-1 {
				w.object("rules: the wake is not the last command")
			}
			continue
		}
		if i == len(cmds)-1 {
			w.object("rules: the last command is no wake, but %T", c)
		}
	}
	if c, o := w.next(false); c != nil {
		w.object("I5: %s waits while %s is free", c.Call, o.Name)
	}
	if c, o := w.next(true); c != nil {
		w.object("I5: for %s more may be rung, and %s is free", c.Call, o.Name)
	}
	for _, c := range cmds {
		switch r := c.(type) {
		case Offered, Wake:
			continue
		case Refused:
			c = Refused{sentinel(r.Err)}
		case OperatorChanged:
			if !slices.Contains(moves[r.From], r.To) {
				w.object("I9: %s may not go from %s to %s (%s)", r.Operator, r.From, r.To, r.Why)
			}
		}
		i := slices.Index(w.want, c)
		if i < 0 {
			w.object("%s: came %T%+v; awaited was %+v", w.invariant(c), c, c, w.want)
			return
		}
		w.want = slices.Delete(w.want, i, i+1)
	}
	if len(w.want) > 0 {
		w.object("%s: did not come: %T%+v", w.invariant(w.want[0]), w.want[0], w.want)
	}
	if at, _, _ := w.earliest(); !at.Equal(w.wake) {
		w.object("I14: the wake is at %s, the first thing due at %s", w.wake.Sub(noon), at.Sub(noon))
	}
}

// invariant is which one is broken by a command that should not have come, or did not.
func (w *witness) invariant(c Command) string {
	switch c := c.(type) {
	case Withdrawn, Missed:
		return "I8"
	case OperatorChanged, WrapUpMoved, Uncovered:
		return "I9"
	case Connected, Abandoned, Finished, CallbackClosed:
		return "I3"
	case Queued:
		for _, want := range w.want {
			if q, ok := want.(Queued); ok && q.Call == c.Call && q.Staff != c.Staff {
				return "I11"
			}
		}
		return "I6"
	case Relaxed, Overflowed:
		return "I7"
	}
	return "rules"
}

// wants says in which round a caller wants an operator: 1 the first who is rung, 2 another, 0 nobody.
func (w *witness) wants(c *seenCall) int {
	switch {
	case c.with != nil || c.expired:
		return 0
	case !c.live() && (!c.again.IsZero() || c.r.closed):
		return 0
	case len(c.ringing) == 0:
		return 1
	case c.r.Strategy == RingSeveral && c.live() && len(c.ringing) < c.r.AtOnce:
		return 2
	}
	return 0
}

// next is who has to be offered next, out of every caller with every operator; nil: nobody.
func (w *witness) next(second bool) (best *seenCall, with *seenOp) {
	round := 1
	if second {
		round = 2
	}
	for _, o := range w.ops {
		if !o.free() {
			continue
		}
		for _, c := range w.calls {
			if c.bound != nil && c.bound != o || w.wants(c) != round {
				continue
			}
			if ok, _, _ := suits(c, o); !ok {
				continue
			}
			if best == nil || firstOf(c, o, best, with) {
				best, with = c, o
			}
		}
	}
	return best, with
}

// firstOf says whether caller a is offered to x before caller b is to y.
func firstOf(a *seenCall, x *seenOp, b *seenCall, y *seenOp) bool {
	_, placeX, levelX := suits(a, x)
	_, placeY, levelY := suits(b, y)
	atX, atY := a.rank().Add(time.Duration(placeX)*time.Minute), b.rank().Add(time.Duration(placeY)*time.Minute)
	if !atX.Equal(atY) {
		return atX.Before(atY)
	}
	if a != b {
		return older(a, b)
	}
	idler := func() bool { return x.idle.Before(y.idle) || x.idle.Equal(y.idle) && x.Name < y.Name }
	switch a.r.Strategy {
	case LeastTalk:
		if x.talked != y.talked {
			return x.talked < y.talked
		}
	case ByLevel:
		if levelX != levelY {
			return levelX > levelY
		}
	case RoundRobin:
		afterX, afterY := x.Name > a.r.turn, y.Name > a.r.turn
		if afterX != afterY {
			return afterX
		}
		return x.Name < y.Name
	}
	return idler()
}

// mayNot is which invariant an offer breaks by itself, whoever else there is; empty: none.
func (w *witness) mayNot(offer Offered) string {
	c, o := w.call(offer.Call), w.op(offer.Operator)
	switch {
	case c == nil || o == nil:
		return "I3"
	case c.with != nil:
		return "I1"
	case o.call != nil:
		return "I2"
	case !o.free():
		return "I9"
	case w.wants(c) == 0 || c.bound != nil && c.bound != o:
		return "rules"
	}
	if ok, _, _ := suits(c, o); !ok {
		return "I7"
	}
	return ""
}

func (w *witness) offeredRight(c Offered) {
	me, op := w.next(false)
	if me == nil {
		me, op = w.next(true)
	}
	if broken := w.mayNot(c); broken != "" {
		w.object("%s: this may not be offered: %+v", broken, c)
		return
	}
	if me.Call != c.Call {
		w.object("I6: %s is next, came %+v", me.Call, c)
		return
	}
	if op.Name != c.Operator {
		w.object("I7: %s is to be rung by %q, came %+v", op.Name, me.r.Strategy, c)
		return
	}
	free, by := 1, Strategy("")
	if me.bound == nil {
		free, by = 0, me.r.Strategy
		if by == "" {
			by = LongestIdle
		}
		for _, o := range w.ops {
			if ok, _, _ := suits(me, o); ok && o.free() {
				free++
			}
		}
	}
	want := Offered{
		Call: me.Call, Queue: me.Queue, Language: me.Language, Operator: op.Name, Deadline: w.now.Add(me.r.Offer),
		Waited: w.now.Sub(me.since), Idle: w.now.Sub(op.idle), Free: free, By: by,
	}
	if c != want {
		w.object("I4, I8: the offer is %+v\nwant %+v", c, want)
	}
	me.ringing = append(me.ringing, op)
	op.call, op.deadline, me.r.turn = me, c.Deadline, op.Name
	w.settle(op, WhyOffered, w.now)
}

// compare holds what the State shows against the books.
func (w *witness) compare() {
	snap := w.s.Snapshot(w.now)
	if len(snap.Operators) != len(w.ops) || len(snap.Queues) != len(w.rules) {
		w.object("I14: %d operators and %d queues are shown, there are %d and %d", len(snap.Operators), len(snap.Queues), len(w.ops), len(w.rules))
		return
	}
	for i, v := range snap.Operators {
		w.operatorShown(v, w.ops[i])
	}
	for i, q := range snap.Queues {
		w.queueShown(q, w.rules[i])
	}
	w.estimatesRight()
	w.nothingLeaks()
}

func (w *witness) operatorShown(v OperatorView, o *seenOp) {
	id := call.ID("")
	if o.call != nil {
		id = o.call.Call
	}
	if o.state != w.stateOf(o) {
		w.object("I9: %s was told to be %s, but is %s", o.Name, o.state, w.stateOf(o))
	}
	if v.Name != o.Name || v.State != o.state || v.Call != id || v.Registered != o.registered || v.Paused != o.paused ||
		v.Reason != o.reason || !v.RestsUntil.Equal(o.rest) || !v.WrapsUntil.Equal(o.wrap) || v.Last != o.last || v.InRow != o.inRow {
		w.object("I9: shown is %+v, the books say %+v with %q", v, *o, id)
	}
}

func (w *witness) queueShown(q QueueView, r *seenRules) {
	var line []*seenCall
	for _, c := range w.calls {
		if c.r == r && c.with == nil {
			line = append(line, c)
		}
	}
	slices.SortFunc(line, func(a, b *seenCall) int {
		if older(a, b) {
			return -1
		}
		return 1
	})
	waiting, callbacks, longest := 0, 0, time.Duration(0)
	if q.Name != r.Name || len(q.Calls) != len(line) {
		w.object("I11: %s is shown with %d who wait, the books of %s have %d", q.Name, len(q.Calls), r.Name, len(line))
		return
	}
	for i, c := range line {
		v := CallView{
			Call: c.Call, Language: c.Language, Position: i + 1, Arrived: c.Arrived, Since: c.since, Callback: !c.live(), Again: c.again,
		}
		if len(c.ringing) > 0 {
			v.Operator = c.ringing[0].Name
		}
		if q.Calls[i] != v {
			w.object("I6: shown is %+v, want %+v", q.Calls[i], v)
		}
		if c.live() {
			waiting, longest = waiting+1, max(longest, w.now.Sub(c.since))
		} else {
			callbacks++
		}
	}
	if q.Waiting != waiting || q.Callbacks != callbacks || q.LongestWait != longest {
		w.object("I11: shown is %+v, there wait %d and %d, at most for %s", q, waiting, callbacks, longest)
	}
	if told := w.ledger.waiting(r.Name); told != len(line) {
		w.object("I11: by what was told %d wait in %s, there are %d", told, r.Name, len(line))
	}
}

// estimatesRight asks where one of the callers stands, in turn, and now and then who works.
func (w *witness) estimatesRight() {
	if len(w.calls) > 0 {
		c := w.calls[w.stepped%len(w.calls)]
		if got, want := w.s.Place(c.Call, w.now), w.placeOf(c); got != want {
			w.object("estimates: of %s is %+v, want %+v", c.Call, got, want)
		}
	}
	if w.stepped%16 != 0 {
		return
	}
	views := w.s.Staff(languages)
	for _, r := range w.rules {
		for _, l := range languages {
			var n Staff
			for _, o := range w.ops {
				serves := len(o.Queues) == 0 || slices.Contains(o.Queues, r.Name)
				if serves && o.knows(string(l)) > 0 && !o.gone && !o.Disabled {
					o.addTo(&n)
				}
			}
			if want := (StaffView{r.Name, l, n}); len(views) == 0 || views[0] != want {
				w.object("I11: staff is %+v, want first %+v", views, want)
				return
			}
			views = views[1:]
		}
	}
}

func average(list []time.Duration, lately int) (mean time.Duration) {
	list = list[max(0, len(list)-lately):]
	for _, d := range list {
		mean += d
	}
	if len(list) > 0 {
		mean /= time.Duration(len(list))
	}
	return mean
}

// placeOf is the estimate, recomputed from all there ever was.
func (w *witness) placeOf(c *seenCall) Place {
	if c.with != nil {
		return Place{}
	}
	n := w.staff(c)
	p := Place{Position: w.place(c), Working: n.Ready + n.Offered + n.Talking + n.Holding + n.WrapUp + n.Unreachable}
	pace := c.r.paces[c.Language]
	if pace == nil || n.Ready+n.Talking+n.Holding == 0 {
		return p
	}
	lately := 0
	for _, at := range pace.answers[max(0, len(pace.answers)-20):] {
		if !at.Before(w.now.Add(-30 * time.Minute)) {
			lately++
		}
	}
	if lately < 5 {
		return p
	}
	p.Known = true
	p.Wait = time.Duration(p.Position) * average(pace.handled, 20) / time.Duration(p.Working)
	p.Wait = max(0, p.Wait, average(pace.waits, 10)-w.now.Sub(c.since))
	return p
}

// nothingLeaks looks inside, for what nobody sees until the memory is full (I14).
func (w *witness) nothingLeaks() {
	s, timers, wanting := w.s, 0, 0
	for _, o := range w.ops {
		if !o.due().IsZero() {
			timers++
		}
	}
	for _, c := range w.calls {
		if at, _ := c.due(); !at.IsZero() {
			timers++
		}
		if w.wants(c) > 0 {
			wanting++
		}
	}
	filed, unused, members, users := 0, 0, 0, 0
	for _, d := range s.demands {
		filed += len(d.wants[0]) + len(d.wants[1])
		users += d.users
		if d.users == 0 {
			unused++
		}
	}
	for _, a := range s.abilities {
		members += a.members
		if a.members == 0 {
			w.object("I14: nobody has the ability %s", strings.ReplaceAll(a.key, "\x00", " "))
		}
	}
	if len(s.timers) != timers {
		w.object("I14: %d timers run, %d have to", len(s.timers), timers)
	}
	if len(s.calls) != len(w.calls) || filed != wanting || users != wanting {
		w.object("I14: %d calls are kept of %d, %d filed of %d, counted %d", len(s.calls), len(w.calls), filed, wanting, users)
	}
	if s.unused != unused || unused > 2*mostUnused || len(s.demandBy) != len(s.demands) || len(s.abilityBy) != len(s.abilities) {
		w.object("I14: %d demands are unused, counted %d; %d of %d, %d of %d", unused, s.unused, len(s.demandBy), len(s.demands), len(s.abilityBy), len(s.abilities))
	}
	if members != len(w.ops) || len(s.parties) != len(w.parties) {
		w.object("I14: %d operators are filed of %d, %d parties of %d", members, len(w.ops), len(s.parties), len(w.parties))
	}
	if s.touchedCallers != nil || s.touchedOperators != nil {
		w.object("I14: something is left to be filed")
	}
}
