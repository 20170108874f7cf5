package queue

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// filing is the place of a caller in a demand.
type filing struct {
	in   *demand
	list listKind
}

// touch notes that something about an operator has changed, touchCaller about a caller. flush files
// them anew before anybody looks.
func (s *State) touch(o *operator) {
	if !o.touched {
		o.touched = true
		s.touchedOperators = append(s.touchedOperators, o)
	}
}

func (s *State) touchCaller(c *caller) {
	if !c.touched {
		c.touched = true
		s.touchedCallers = append(s.touchedCallers, c)
	}
}

func (s *State) flush() {
	for len(s.touchedOperators) > 0 || len(s.touchedCallers) > 0 {
		operators, callers := s.touchedOperators, s.touchedCallers
		s.touchedOperators, s.touchedCallers = nil, nil
		for _, o := range operators {
			o.touched = false
			s.fileOperator(o)
		}
		for _, c := range callers {
			c.touched = false
			s.file(c)
		}
	}
}

// fileOperator puts an operator where the facts now say.
func (s *State) fileOperator(o *operator) {
	if o.forgotten {
		s.timers.set(&o.timer, time.Time{})
		s.disjoin(o)
		return
	}
	s.timers.set(&o.timer, o.due())
	state := o.state
	if o.Disabled || o.removed {
		state = ""
	}
	s.count(o, state)
	if !o.atWork() {
		s.unbindAll(o)
	}
	if o.filed == o.free() && (!o.filed || o.filedIdle.Equal(o.idle)) {
		return
	}
	s.unfree(o)
	if o.free() {
		o.filed, o.filedIdle = true, o.idle
		a := o.ability
		i, _ := slices.BinarySearchFunc(a.free, o, byIdle)
		a.free = slices.Insert(a.free, i, o)
		a.dirty = true
	}
}

// byIdle orders operators of one ability: the longest idle first.
func byIdle(a, b *operator) int {
	return cmp.Or(a.filedIdle.Compare(b.filedIdle), strings.Compare(a.Name, b.Name))
}

func (s *State) unfree(o *operator) {
	if !o.filed {
		return
	}
	if i, found := slices.BinarySearchFunc(o.ability.free, o, byIdle); found {
		o.ability.free = slices.Delete(o.ability.free, i, i+1)
	}
	o.filed = false
}

// file puts a caller where the facts now say.
func (s *State) file(c *caller) {
	if s.calls[c.Call] != c {
		s.timers.set(&c.timer, time.Time{})
		s.unfile(c)
		return
	}
	if c.bound != nil && !s.fitOf(s.demandOf(c), c.bound.ability).ok {
		s.unbind(c) // files it again
		return
	}
	s.timers.set(&c.timer, c.due())
	list := noList
	switch {
	case !c.waits() || c.expired || c.asleep():
	case len(c.ringing) == 0:
		list = unrung
	case c.rule.Strategy == RingSeveral && c.live() && len(c.ringing) < c.rule.AtOnce:
		list = rung
	}
	if list == noList {
		s.unfile(c)
		return
	}
	d := s.demandOf(c)
	if c.filed.in == d && c.filed.list == list {
		return
	}
	s.use(d, 1)
	s.unfile(c)
	c.filed = filing{d, list}
	callers := &d.wants[list-1]
	i, _ := slices.BinarySearchFunc(*callers, c, byRank)
	*callers = slices.Insert(*callers, i, c)
	d.dirty = true
}

func (s *State) unfile(c *caller) {
	d := c.filed.in
	if d == nil {
		return
	}
	callers := &d.wants[c.filed.list-1]
	if i, found := slices.BinarySearchFunc(*callers, c, byRank); found {
		*callers = slices.Delete(*callers, i, i+1)
	}
	c.filed = filing{}
	s.use(d, -1)
}
