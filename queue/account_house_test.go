package queue

import (
	"slices"
	"strings"
	"time"

	"hotline/call"
)

func (w *witness) askCallback(t Ticket) {
	asks := w.call(t.For)
	if t.Case != "" {
		asks = nil
	}
	switch {
	case asks != nil && asks.with != nil:
		w.expect(Refused{ErrNoCall})
		return
	case t.Party == "" || w.parties[t.Party]:
		w.expect(Refused{ErrCallbackOpen})
		return
	}
	if asks != nil {
		t.Queue, t.Language, t.Arrived, t.Last = asks.Queue, asks.Language, asks.Arrived, asks.Last
	}
	w.enter(t, asks)
}

func (w *witness) callbackFailed(ev CallbackFailed) {
	c := w.call(ev.Call)
	if c == nil || c.with == nil || c.live() {
		return
	}
	o, idle := c.with, c.with.idle
	o.quiet = w.now.Add(Quiet)
	c.tries++
	switch {
	case ev.Final:
		w.end(c, WhyCallerLeft)
	case c.Case != "", c.tries >= max(1, c.r.Callback.Tries):
		w.end(c, WhyNotReached)
	default:
		w.part(o)
		w.review(o, WhyNotReached)
		c.again = w.now.Add(c.r.Callback.Pause)
		w.expect(CallbackMissed{c.Call, c.tries, c.again})
		w.queued(c, true, WhyNotReached)
	}
	if o.state == OperatorReady {
		o.idle = idle
	}
}

func (w *witness) setHours(ev HoursSet) {
	r := w.rule(ev.Queue)
	if r == nil {
		return
	}
	r.closed = !ev.Open
	for _, c := range w.calls {
		if c.r == r && r.closed && !c.live() {
			for _, o := range slices.Clone(c.ringing) {
				w.takeBack(o, WhyHoursOver)
				w.review(o, WhyHoursOver)
			}
		}
	}
}

func (w *witness) setRules(list []Rules) {
	before := w.rules
	w.rules = nil
	for _, r := range list {
		if w.rule(r.Name) != nil {
			continue
		}
		is := &seenRules{paces: map[call.Language]*seenPace{}}
		for _, was := range before {
			if was.Name == r.Name {
				is = was
			}
		}
		is.Rules, is.retired = r, false
		w.rules = append(w.rules, is)
	}
	for _, was := range before {
		if !slices.Contains(w.rules, was) {
			was.retired = true
			w.rules = append(w.rules, was)
		}
	}
	w.dropEmpty()
	for _, c := range w.calls {
		if c.with == nil { // else when they come back
			w.catchUp(c)
		}
	}
}

func (w *witness) dropEmpty() {
	w.rules = slices.DeleteFunc(w.rules, func(r *seenRules) bool {
		return r.retired && !slices.ContainsFunc(w.calls, func(c *seenCall) bool { return c.r == r })
	})
}

func (w *witness) restarted() {
	w.phones = map[string]bool{}
	for _, o := range w.ops {
		o.own, o.reserved, o.registered, o.quiet = 0, false, false, time.Time{}
	}
	all := slices.Clone(w.calls)
	slices.SortFunc(all, func(a, b *seenCall) int { return strings.Compare(string(a.Call), string(b.Call)) })
	for _, c := range all {
		if c.live() {
			w.end(c, WhyRestarted)
			continue
		}
		if c.Case != "" && c.with != nil {
			c.tries++
			w.end(c, WhyNotReached)
			continue
		}
		for _, o := range slices.Clone(c.ringing) {
			w.part(o)
			w.review(o, WhyRestarted)
		}
		if o := c.with; o != nil {
			w.part(o)
			w.review(o, WhyRestarted)
			w.queued(c, true, WhyRestarted)
		}
	}
	for _, o := range slices.Clone(w.ops) {
		w.review(o, WhyRestarted)
	}
}
