package queue

import (
	"cmp"
	"container/heap"
	"time"
)

// A timer is the next thing that falls due for one operator or one caller.
type timer struct {
	at       time.Time
	key      string // what comes first of those that fall due together
	operator *operator
	caller   *caller
	index    int // in the heap, from 1; 0: not there
}

// timers is a heap of all of them. Nobody walks over it: what is due comes out in order.
type timers []*timer

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, k int) bool {
	return cmp.Or(t[i].at.Compare(t[k].at), cmp.Compare(t[i].key, t[k].key)) < 0
}
func (t timers) Swap(i, k int) { t[i], t[k] = t[k], t[i]; t[i].index, t[k].index = i+1, k+1 }
func (t *timers) Push(x any)   { e := x.(*timer); *t = append(*t, e); e.index = len(*t) }
func (t *timers) Pop() any {
	last := len(*t) - 1
	e := (*t)[last]
	(*t)[last] = nil
	*t, e.index = (*t)[:last], 0
	return e
}

// set makes e run out at that time; zero: not at all.
func (t *timers) set(e *timer, at time.Time) {
	switch {
	case at.IsZero() && e.index > 0:
		heap.Remove(t, e.index-1)
	case at.IsZero():
	case e.index == 0:
		e.at = at
		heap.Push(t, e)
	case !at.Equal(e.at):
		e.at = at
		heap.Fix(t, e.index-1)
	}
}

// next is when the first runs out; zero: none runs.
func (t timers) next() time.Time {
	if len(t) == 0 {
		return time.Time{}
	}
	return t[0].at
}

// earlier is the earlier of two times; zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// next is when the earliest timer runs out; zero: none runs.
func (s *State) next() time.Time { return s.timers.next() }

// expire lets all that is due happen, in the order it fell due (together: operators by name, then
// callers by id), so that a late Tick leaves the operators in the same order of idleness as
// punctual ones.
func (s *State) expire() {
	for len(s.timers) > 0 && !s.timers[0].at.After(s.now) {
		e, at := s.timers[0], s.timers[0].at
		if e.operator != nil {
			s.expireOperator(e.operator, at)
			s.touch(e.operator)
		} else {
			s.expireCaller(e.caller, at)
			s.touchCaller(e.caller)
		}
		s.flush()
	}
}

func (s *State) expireOperator(o *operator, at time.Time) {
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

// expireCaller takes the caller on by what has fallen due. What was due long ago, while an operator
// was rung, happens now, one thing after another.
func (s *State) expireCaller(c *caller, at time.Time) {
	over := func(t time.Time) bool { return !t.IsZero() && !t.After(at) }
	switch {
	case over(c.boundUntil):
		s.unbind(c)
	case over(c.nextStep()):
		s.relax(c)
		s.reconsider(c)
	case over(c.nextOverflow()):
		s.overflow(c)
	case over(c.notBefore):
		c.notBefore = time.Time{}
	case over(c.end()):
		c.expired = true
		s.emit(Expired{Call: c.Call, Queue: c.Queue, Waited: at.Sub(c.since)})
	}
}
