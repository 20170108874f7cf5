package queue

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// An OperatorState is what an operator is doing, as everybody sees it. The list is closed.
type OperatorState string

// The states of an operator. Only one who is ready is offered a caller.
const (
	OperatorOffline     OperatorState = "offline"     // no phone, disabled, or not yet said to be ready
	OperatorReady       OperatorState = "ready"       // free, or resting after a missed offer
	OperatorOffered     OperatorState = "offered"     // being rung for a caller
	OperatorTalking     OperatorState = "talking"     // with a caller, or in a call of one's own
	OperatorHolding     OperatorState = "holding"     // with a caller who is on hold
	OperatorWrapUp      OperatorState = "wrap_up"     // writing notes after a talk
	OperatorPaused      OperatorState = "paused"      // asked not to be rung
	OperatorUnreachable OperatorState = "unreachable" // the phone did not react; tried again after Rest
)

// OperatorStates is the closed list, in the order of the documentation.
var OperatorStates = []OperatorState{
	OperatorOffline, OperatorReady, OperatorOffered, OperatorTalking, OperatorHolding,
	OperatorWrapUp, OperatorPaused, OperatorUnreachable,
}

// operator is one operator and all that decides whether they may be rung.
type operator struct {
	Operator
	removed    bool // no longer employed; kept until the talk is over
	registered bool // the phone can be reached
	signedOn   bool // became registered where that is enough, or said to be ready
	paused     bool
	reason     string // of the pause, as given
	ownCalls   int    // so many calls that their telephones made
	reserved   bool   // somebody who asked for them by name has them, or rings them

	state OperatorState
	since time.Time // when state began
	idle  time.Time // when the operator last became ready; decides who is next

	caller   *caller   // offered or talking to; nil: none
	deadline time.Time // of the offer; zero: none

	wrapUntil  time.Time // end of the wrap-up; zero: none
	restUntil  time.Time // end of the rest after a missed offer; zero: none
	quietUntil time.Time // end of the pause between two rings; zero: none
	silent     bool      // the rest is because the phone did not react

	extend  int           // so many more wrap-ups were asked for during the talk
	inRow   int           // so many offers were missed since the last talk
	talked  time.Duration // with callers, since signing on
	joined  time.Time     // when the present talk began
	last    call.ID       // the last caller talked to
	lastFor *ruled        // and its queue: whose wrap-up an extension is

	bound []*caller // who wait for this operator alone

	ability   *ability
	filed     bool          // stands in the ability's free
	filedIdle time.Time     // with this idleness
	counted   OperatorState // as which the ability's staff has them; empty: not
	touched   bool          // to be filed anew
	forgotten bool
	timer     timer
}

// talking reports whether the operator has the caller.
func (o *operator) talking() bool { return o.caller != nil && o.caller.operator == o }

// status derives the state from the facts; the first line that fits decides.
func (o *operator) status() OperatorState {
	switch {
	case o.talking() && o.caller.held:
		return OperatorHolding
	case o.talking():
		return OperatorTalking
	case o.caller != nil:
		return OperatorOffered
	case o.Disabled || o.removed:
		return OperatorOffline
	case o.engaged():
		return OperatorTalking
	case !o.registered:
		return OperatorOffline
	case o.paused:
		return OperatorPaused
	case !o.signedOn:
		return OperatorOffline
	case o.silent:
		return OperatorUnreachable
	case !o.wrapUntil.IsZero():
		return OperatorWrapUp
	default:
		return OperatorReady
	}
}

// engaged reports whether the operator is in a call that no queue has given them.
func (o *operator) engaged() bool { return o.ownCalls > 0 || o.reserved }

// willing reports whether the operator may be rung at all, offers aside.
func (o *operator) willing() bool {
	return o.registered && o.signedOn && !o.paused && !o.engaged() && !o.Disabled && !o.removed
}

// free reports whether the operator may be offered a caller now.
func (o *operator) free() bool {
	return o.state == OperatorReady && o.restUntil.IsZero() && o.quietUntil.IsZero()
}

// atWork reports whether the operator has come to work and not paused: callers may hope for them.
func (o *operator) atWork() bool {
	return o.registered && o.signedOn && !o.paused && !o.Disabled && !o.removed
}

// serves reports whether the operator takes calls of the queue.
func (o *operator) serves(queue string) bool {
	return len(o.Queues) == 0 || slices.Contains(o.Queues, queue)
}

// due is the operator's next timer; zero: none runs.
func (o *operator) due() time.Time {
	var at time.Time
	if !o.deadline.IsZero() {
		at = o.deadline.Add(Grace)
	}
	for _, t := range [...]time.Time{o.wrapUntil, o.restUntil, o.quietUntil} {
		at = earlier(at, t)
	}
	return at
}

// find is the operator of that name, or nil and the place where they would stand.
func (s *State) find(name string) (*operator, int) {
	i, found := slices.BinarySearchFunc(s.operators, name, func(o *operator, name string) int {
		return strings.Compare(o.Name, name)
	})
	if !found {
		return nil, i
	}
	return s.operators[i], i
}

// Known reports whether there is an operator of that name who works here.
func (s *State) Known(name string) bool {
	o, _ := s.find(name)
	return o != nil && !o.removed && !o.Disabled
}

// settle gives the operator the state that the facts now say, and tells it if that is another.
func (s *State) settle(o *operator, why Why, at time.Time) {
	s.touch(o)
	from, to := o.state, o.status()
	if from == to {
		return
	}
	o.state, o.since = to, at
	// An offer that ended without the operator's doing takes no place away: longest idle counts
	// from before it. A missed one has set idle itself.
	if to == OperatorReady && from != OperatorOffered {
		o.idle = at
	}
	changed := OperatorChanged{Operator: o.Name, From: from, To: to, Why: why, At: at}
	if o.caller != nil {
		changed.Call = o.caller.Call
	}
	if to == OperatorPaused {
		changed.Reason = o.reason
	}
	s.emit(changed)
}

// review follows a change of facts about an operator: an offer that may no longer stand is taken
// back, the state told, and one who is no longer employed forgotten.
func (s *State) review(o *operator, why Why) {
	if c := o.caller; c != nil && !o.talking() && !(o.willing() && s.fits(c, o)) {
		s.withdraw(o, why)
	}
	s.settle(o, why, s.now)
	if o.removed && o.caller == nil && !o.forgotten {
		o.forgotten = true
		s.unbindAll(o)
		_, i := s.find(o.Name)
		s.operators = slices.Delete(s.operators, i, i+1)
	}
}

// fits reports whether the operator can take this caller now.
func (s *State) fits(c *caller, o *operator) bool {
	d := c.filed.in
	if d == nil {
		d = s.demandOf(c)
	}
	return (d.bound == nil || d.bound == o) && s.fitOf(d, o.ability).ok
}

// setOperators makes the list the set of operators. Of two with one name the first counts.
func (s *State) setOperators(list []Operator) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Operator) int { return strings.Compare(a.Name, b.Name) })
	list = slices.CompactFunc(list, func(a, b Operator) bool { return a.Name == b.Name })

	for _, o := range slices.Clone(s.operators) {
		_, stays := slices.BinarySearchFunc(list, o.Name, func(l Operator, name string) int {
			return strings.Compare(l.Name, name)
		})
		if !stays {
			o.removed = true
			s.review(o, WhyRemoved)
		}
	}
	for _, l := range list {
		s.setOperator(l)
	}
}

// setOperator adds or changes one operator. One who comes in (new, back, or enabled again) with
// a registered phone counts as becoming registered: the phone may have been quicker than the edit.
func (s *State) setOperator(l Operator) {
	l.Languages, l.Queues, l.Skills = slices.Clone(l.Languages), slices.Clone(l.Queues), slices.Clone(l.Skills)
	o, i := s.find(l.Name)
	if o == nil {
		o = &operator{state: OperatorOffline, since: s.now}
		o.timer = timer{key: "o" + l.Name, operator: o}
		o.Operator = l
		o.Disabled = true // until below, where enabling counts as coming in
		s.operators = slices.Insert(s.operators, i, o)
	}
	out := o.Disabled || o.removed
	o.Operator, o.removed = l, false
	s.join(o)
	o.registered = s.phones[l.Name]
	if l.Disabled || out {
		o.signedOn = false
	}
	if out && !l.Disabled && o.registered && s.readyOnRegister(o) {
		s.signOn(o)
	}
	s.review(o, WhyEdited)
}

// phone takes what the registrar says about an operator's phone.
func (s *State) phone(ev PhoneChanged) {
	if ev.Registered {
		s.phones[ev.Operator] = true
	} else {
		delete(s.phones, ev.Operator)
	}
	o, _ := s.find(ev.Operator)
	if o == nil {
		return // a phone of nobody who takes calls, or of an operator told of later
	}
	o.registered = ev.Registered
	why := WhyRegistered
	switch {
	case !ev.Registered:
		why = WhyUnregistered
		o.signedOn = false
	case ev.Fresh:
		if s.readyOnRegister(o) {
			s.signOn(o)
		}
		if o.silent {
			o.silent, o.restUntil = false, time.Time{}
		}
	}
	s.review(o, why)
}

// readyOnRegister reports whether becoming registered is enough to be ready: it is when one of
// the queues the operator serves says so.
func (s *State) readyOnRegister(o *operator) bool {
	return slices.ContainsFunc(s.rules, func(r *ruled) bool {
		return r.ReadyOnRegister && !r.retired && o.serves(r.Name)
	})
}

// signOn says that the operator has come to work. Who comes later than others has talked as little
// as whoever has talked least, or they would get every call until they had caught up.
func (s *State) signOn(o *operator) {
	if o.signedOn {
		return
	}
	o.signedOn, o.inRow = true, 0
	o.talked = 0
	first := true
	for _, other := range s.operators {
		if other != o && other.signedOn && (first || other.talked < o.talked) {
			o.talked, first = other.talked, false
		}
	}
}

// pause takes the operator out, also of a wrap-up: only resume brings them back.
func (s *State) pause(o *operator, ev Paused) {
	if !ev.Force && !o.paused && o.atWork() {
		for _, c := range s.house.Cover {
			have := s.cover(c.Language)
			if !o.speaks(c.Language) || have > c.Operators {
				continue
			}
			if s.house.Refuse {
				s.emit(Refused{fmt.Errorf("operator %q: %w: %d of %d who speak %q", o.Name, ErrCover, have, c.Operators, c.Language)})
				return
			}
			s.emit(Uncovered{Operator: o.Name, Language: c.Language, Have: have - 1, Need: c.Operators})
		}
	}
	o.paused, o.reason = true, ev.Reason
	s.review(o, WhyPaused)
}

// cover is how many operators who speak a language are at work.
func (s *State) cover(l call.Language) (n int) {
	for _, o := range s.operators {
		if o.atWork() && o.speaks(l) {
			n++
		}
	}
	return n
}

// resume makes the operator ready as far as it is theirs to say: it ends a pause, a wrap-up and
// a rest, and says "ready" where registering alone does not.
func (s *State) resume(o *operator) {
	o.paused, o.reason = false, ""
	s.signOn(o)
	o.wrapUntil, o.restUntil, o.silent = time.Time{}, time.Time{}, false
	o.extend, o.inRow = 0, 0
	s.review(o, WhyResumed)
}

// extendWrapUp gives the operator another wrap-up's time, at most LongestWrapUp from now.
func (s *State) extendWrapUp(o *operator) {
	switch {
	case o.talking():
		if time.Duration(o.extend+1)*o.caller.rule.wrapUp() < LongestWrapUp {
			o.extend++
		}
		s.emit(WrapUpMoved{Operator: o.Name})
	case o.wrapUntil.IsZero():
		s.emit(Refused{fmt.Errorf("operator %q: %w", o.Name, ErrNoWrapUp)})
	default:
		until := o.wrapUntil.Add(o.lastFor.wrapUp())
		if most := s.now.Add(LongestWrapUp); until.After(most) {
			until = most
		}
		if until.After(o.wrapUntil) { // the queue's own may be longer than any extension
			o.wrapUntil = until
		}
		s.touch(o)
		s.emit(WrapUpMoved{Operator: o.Name, Until: o.wrapUntil})
	}
}

// wrapUp leaves the operator of a talk that is over alone for a while. The last talk decides for how
// long, also for one who was reserved out of another's wrap-up.
func (s *State) wrapUp(o *operator, r *ruled) {
	o.wrapUntil = time.Time{}
	d := r.WrapUp + time.Duration(o.extend)*r.wrapUp()
	if o.extend = 0; d > 0 {
		o.wrapUntil = s.now.Add(min(d, max(LongestWrapUp, r.WrapUp)))
	}
	s.touch(o)
}

// rest sends an operator who let an offer pass to the end of the line for a while.
func (o *operator) rest(at time.Time, silent bool) {
	o.idle = at
	o.restUntil = at.Add(Rest)
	o.silent = silent
}

// quiet lets a telephone come to rest before it is rung for anybody: it still rings, or is about to
// be told of the end of a transfer and then hung up.
func (s *State) quiet(o *operator) {
	o.quietUntil = s.now.Add(Quiet)
	s.touch(o)
}
