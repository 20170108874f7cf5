package day

import (
	"time"

	"hotline/queue"
	"hotline/queue/erlang"
)

// An Interval is what happened to the calls that came in one half-hour, and what operators did in it.
type Interval struct {
	From    time.Duration
	Offered int
	erlang.Counts
	Waits   time.Duration // of the answered, in all
	Longest time.Duration // wait, of anybody
	Talks   time.Duration // of the answered, in all

	Busy    time.Duration // operators in talks and wrap-ups
	Ready   time.Duration // operators waiting for a call, or being rung
	Present time.Duration // operators at work
}

// Answer is the mean wait of those who were answered (ASA).
func (i Interval) Answer() time.Duration {
	if i.Answered == 0 {
		return 0
	}
	return i.Waits / time.Duration(i.Answered)
}

// Occupancy is the share of their time in which operators were in calls: 80 to 85 % is healthy.
func (i Interval) Occupancy() float64 {
	if i.Busy+i.Ready == 0 {
		return 0
	}
	return float64(i.Busy) / float64(i.Busy+i.Ready)
}

// Operators is how many were at work, on average.
func (i Interval) Operators() float64 { return float64(i.Present) / float64(Half) }

// A Work is what one operator did.
type Work struct {
	Name    string
	Calls   int
	Busy    time.Duration
	Present time.Duration
}

// Utilisation is the share of the shift in calls.
func (w Work) Utilisation() float64 {
	if w.Present == 0 {
		return 0
	}
	return float64(w.Busy) / float64(w.Present)
}

// A Result is a day that has been lived through.
type Result struct {
	Total     Interval
	Intervals []Interval // those in which somebody called or worked, in order
	Operators []Work     // by name
	Refused   int        // the queue was full
	Handling  time.Duration
	Patience  time.Duration // mean, of the plan
	Target    time.Duration // of the first queue
	Until     time.Duration // when the last had gone, after midnight
}

// Unserved is how many were still waiting when the last thing had happened.
func (r *Result) Unserved() int {
	return r.Total.Offered - r.Total.Answered - r.Total.Abandoned - r.Refused
}

// Load is what came in an interval, for the models.
func (r *Result) Load(i Interval) erlang.Load {
	return erlang.Load{
		Calls: float64(i.Offered), Interval: Half, Handling: r.Handling, Operators: int(i.Operators() + 0.5), Patience: r.Patience,
	}
}

// A tally counts while the day goes by.
type tally struct {
	plan    Plan
	slots   map[int]*Interval
	people  map[string]*person
	order   []string
	refused int
}

// person is an operator now.
type person struct {
	Work
	state queue.OperatorState
	since time.Duration
}

func newTally(p Plan) *tally {
	return &tally{plan: p, slots: map[int]*Interval{}, people: map[string]*person{}}
}

func (t *tally) slot(at time.Duration) *Interval {
	n := int(at / Half)
	if t.slots[n] == nil {
		t.slots[n] = &Interval{From: time.Duration(n) * Half}
	}
	return t.slots[n]
}

func (t *tally) offered(a Arrival) { t.slot(a.At).Offered++ }

func (t *tally) answered(a Arrival, c queue.Connected) {
	i := t.slot(a.At)
	i.Answered++
	if c.InTarget {
		i.AnsweredWithin++
	}
	i.Waits += c.Waited
	i.Talks += a.Talk
	i.Longest = max(i.Longest, c.Waited)
	t.person(c.Operator).Calls++
}

func (t *tally) abandoned(a Arrival, c queue.Abandoned) {
	i := t.slot(a.At)
	i.Abandoned++
	if c.InTarget {
		i.AbandonedWithin++
	}
	if c.Short {
		i.AbandonedShort++
	}
	i.Longest = max(i.Longest, c.Waited)
}

func (t *tally) person(name string) *person {
	p := t.people[name]
	if p == nil {
		p = &person{Work: Work{Name: name}, state: queue.OperatorOffline}
		t.people[name] = p
		t.order = append(t.order, name)
	}
	return p
}

// changed accounts for the time in the state before.
func (t *tally) changed(c queue.OperatorChanged, at time.Duration) {
	p := t.person(c.Operator)
	t.spend(p, at)
	p.state, p.since = c.To, at
}

// spend gives the time since the last change to the half-hours in which it was.
func (t *tally) spend(p *person, until time.Duration) {
	if p.state == queue.OperatorOffline || p.state == queue.OperatorPaused || p.state == queue.OperatorUnreachable {
		return
	}
	for at := p.since; at < until; {
		end := min(until, at/Half*Half+Half)
		i, d := t.slot(at), end-at
		i.Present += d
		p.Present += d
		if p.state == queue.OperatorReady || p.state == queue.OperatorOffered {
			i.Ready += d
		} else {
			i.Busy += d
			p.Busy += d
		}
		at = end
	}
}

func (t *tally) result(until time.Duration) *Result {
	for _, name := range t.order {
		t.spend(t.people[name], until)
	}
	r := &Result{Refused: t.refused, Patience: t.plan.Patience.Mean, Target: t.plan.Rules[0].Target, Until: until}
	for n := 0; n <= int(until/Half); n++ {
		i := t.slots[n]
		if i == nil {
			continue
		}
		r.Intervals = append(r.Intervals, *i)
		r.Total.Offered += i.Offered
		r.Total.Counts.Add(i.Counts)
		r.Total.Waits += i.Waits
		r.Total.Talks += i.Talks
		r.Total.Longest = max(r.Total.Longest, i.Longest)
		r.Total.Busy += i.Busy
		r.Total.Ready += i.Ready
		r.Total.Present += i.Present
	}
	r.Handling = t.plan.Talk.Mean + t.plan.Rules[0].WrapUp
	if r.Total.Answered > 0 {
		r.Handling = r.Total.Talks/time.Duration(r.Total.Answered) + t.plan.Rules[0].WrapUp
	}
	for _, name := range sorted(t.order) {
		r.Operators = append(r.Operators, t.people[name].Work)
	}
	return r
}
