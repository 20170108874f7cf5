package queue

import (
	"cmp"
	"slices"
	"strings"
)

// A pair is a caller and an operator who fit.
type pair struct {
	c   *caller
	o   *operator
	fit fit
	by  Strategy
}

// match offers waiting callers to free operators until no two are left who fit: the callers first
// for whom nobody is rung, then those for whom more may be.
func (s *State) match() {
	s.flush()
	for _, list := range []listKind{unrung, rung} {
		for {
			best, found := s.best(list)
			if !found {
				break
			}
			s.offer(best)
			s.flush()
		}
	}
	for _, d := range s.demands {
		d.dirty = false
	}
	for _, a := range s.abilities {
		a.dirty = false
	}
}

// best is the pair that is offered next. Between demands and abilities that have not changed since
// the last match nothing can be found.
func (s *State) best(list listKind) (best pair, found bool) {
	for _, d := range s.demands {
		callers := d.wants[list-1]
		if len(callers) == 0 {
			continue
		}
		if o := d.bound; o != nil {
			if o.free() {
				if p := (pair{c: callers[0], o: o, fit: s.fitOf(d, o.ability)}); !found || p.before(best) {
					best, found = p, true
				}
			}
			continue
		}
		for _, a := range s.abilities {
			if len(a.free) == 0 || !d.dirty && !a.dirty {
				continue
			}
			f := s.fitOf(d, a)
			if !f.ok {
				continue
			}
			p := pair{c: callers[0], o: a.choose(d.rule), fit: f, by: d.rule.strategy()}
			if !found || p.before(best) {
				best, found = p, true
			}
		}
	}
	return best, found
}

func (r *ruled) strategy() Strategy { return cmp.Or(r.Strategy, LongestIdle) }

// choose is who of those alike is offered callers of a queue.
func (a *ability) choose(r *ruled) *operator {
	switch r.strategy() {
	case LeastTalk, RoundRobin:
		return slices.MinFunc(a.free, func(x, y *operator) int { return r.compare(x, y) })
	default:
		return a.free[0]
	}
}

// compare is below 0 where x is offered a caller of the queue before y, who know the same.
func (r *ruled) compare(x, y *operator) int {
	order := 0
	switch r.strategy() {
	case LeastTalk:
		order = cmp.Compare(x.talked, y.talked)
	case RoundRobin:
		after := func(o *operator) int { // those after the last one come before those up to it
			if strings.Compare(o.Name, r.turn) > 0 {
				return 0
			}
			return 1
		}
		return cmp.Or(after(x)-after(y), strings.Compare(x.Name, y.Name))
	}
	return cmp.Or(order, x.idle.Compare(y.idle), strings.Compare(x.Name, y.Name))
}

// before reports whether p is offered before q: the caller decides, then the operator.
func (p pair) before(q pair) bool {
	if c := p.c.rank.Add(p.fit.cost).Compare(q.c.rank.Add(q.fit.cost)); c != 0 {
		return c < 0
	}
	if c := byRank(p.c, q.c); c != 0 {
		return c < 0
	}
	if p.by == ByLevel && p.fit.level != q.fit.level {
		return p.fit.level > q.fit.level
	}
	return p.c.rule.compare(p.o, q.o) < 0
}

// offer gives the caller to the operator, until the deadline.
func (s *State) offer(p pair) {
	c, o := p.c, p.o
	free := 1
	if p.by != "" {
		free = 0
		for _, a := range s.abilities {
			if len(a.free) > 0 && s.fitOf(c.filed.in, a).ok {
				free += len(a.free)
			}
		}
	}
	c.ringing = append(c.ringing, o)
	o.caller = c
	o.deadline = s.now.Add(c.rule.Offer)
	c.rule.turn = o.Name
	s.emit(Offered{
		Call: c.Call, Queue: c.Queue, Language: c.Language, Operator: o.Name, Deadline: o.deadline,
		Waited: s.now.Sub(c.since), Idle: s.now.Sub(o.idle), Free: free, By: p.by,
	})
	s.touchCaller(c)
	s.settle(o, WhyOffered, s.now)
}

// reconsider takes back offers that no longer fit what the caller needs. It follows a change of that.
func (s *State) reconsider(c *caller) {
	d := s.demandOf(c)
	for _, o := range slices.Clone(c.ringing) {
		if !s.fitOf(d, o.ability).ok {
			s.withdraw(o, WhyEdited)
			s.settle(o, WhyEdited, s.now)
		}
	}
	s.touchCaller(c)
}
