package day

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"hotline/call"
	"hotline/queue"
)

// midnight is when every day begins: which one it is does not matter.
var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// due is something that will happen.
type due struct {
	at  time.Duration
	seq int // of those at one time the earlier planned comes first
	do  func()
}

type agenda []due

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, k int) bool {
	return a[i].at < a[k].at || a[i].at == a[k].at && a[i].seq < a[k].seq
}
func (a agenda) Swap(i, k int) { a[i], a[k] = a[k], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(due)) }
func (a *agenda) Pop() any     { d := (*a)[len(*a)-1]; *a = (*a)[:len(*a)-1]; return d }

// a runner is everything around the queue on that day: callers with patience, telephones that are
// answered after a while, and a clock that jumps to whatever comes next.
type runner struct {
	plan   Plan
	state  *queue.State
	random *rand.Rand
	now    time.Duration
	todo   agenda
	seq    int
	wake   time.Duration // for which a Tick is planned; 0: none
	calls  map[call.ID]*visit
	tally  *tally
}

// visit is one call on its way.
type visit struct {
	Arrival
	talking bool
}

// Run lives through the day, and on until the last caller has gone.
func Run(p Plan) (*Result, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	r := &runner{
		plan: p, state: queue.New(p.Rules), random: rand.New(rand.NewPCG(p.Seed, 2)),
		calls: map[call.ID]*visit{}, tally: newTally(p),
	}
	var operators []queue.Operator
	seen := map[string]bool{}
	for _, s := range p.Shifts {
		if !seen[s.Operator.Name] {
			operators = append(operators, s.Operator)
			seen[s.Operator.Name] = true
		}
		r.at(s.From, func() { r.step(queue.PhoneChanged{Operator: s.Operator.Name, Registered: true, Fresh: true}) })
		r.at(s.To, func() { r.step(queue.PhoneChanged{Operator: s.Operator.Name}) })
	}
	r.step(queue.OperatorsSet{Operators: operators})
	for i, a := range p.Arrivals {
		r.at(a.At, func() { r.arrive(i, a) })
	}
	r.live()
	return r.tally.result(r.now), nil
}

// at plans something.
func (r *runner) at(when time.Duration, do func()) {
	r.seq++
	heap.Push(&r.todo, due{when, r.seq, do})
}

// live does one thing after another. Where nobody is at work any more, whoever still waits loses
// patience at last, or has none to lose: then the day ends without them.
func (r *runner) live() {
	for len(r.todo) > 0 {
		d := heap.Pop(&r.todo).(due)
		r.now = d.at
		d.do()
	}
}

func (r *runner) arrive(i int, a Arrival) {
	if r.plan.Progress != nil && i%1000 == 0 {
		r.plan.Progress(i, len(r.plan.Arrivals))
	}
	id := call.ID(fmt.Sprintf("%08d", i))
	if a.Talk == 0 {
		a.Talk = max(time.Second, r.plan.Talk.draw(r.random))
	}
	if a.Patience == 0 {
		a.Patience = r.plan.Patience.draw(r.random)
	}
	v := &visit{Arrival: a}
	r.calls[id] = v
	r.tally.offered(a)
	r.step(queue.Entered{Ticket: queue.Ticket{Call: id, Queue: a.Queue, Language: a.Language, Arrived: midnight.Add(a.At)}})
	if a.Patience < math.MaxInt64-a.At {
		r.at(a.At+a.Patience, func() {
			if !v.talking {
				r.step(queue.Left{Call: id})
			}
		})
	}
}

// step asks the queue, and does what it says.
func (r *runner) step(ev queue.Event) {
	for _, c := range r.state.Step(ev, midnight.Add(r.now)) {
		switch c := c.(type) {
		case queue.Offered:
			r.ring(c)
		case queue.Connected:
			v := r.calls[c.Call]
			v.talking = true
			r.tally.answered(v.Arrival, c)
			r.at(r.now+v.Talk, func() { r.step(queue.Left{Call: c.Call}) })
		case queue.Abandoned:
			r.tally.abandoned(r.calls[c.Call].Arrival, c)
		case queue.Refused:
			r.tally.refused++
		case queue.OperatorChanged:
			r.tally.changed(c, c.At.Sub(midnight))
		case queue.Expired:
			r.step(queue.Left{Call: c.Call})
		case queue.Wake:
			r.alarm(c.At)
		}
	}
}

// ring lets a telephone be answered after a while, or not at all.
func (r *runner) ring(c queue.Offered) {
	report := func(result queue.Result) func() {
		return func() { r.step(queue.Reported{Call: c.Call, Operator: c.Operator, Result: result}) }
	}
	deadline := c.Deadline.Sub(midnight)
	answer := r.now
	if r.plan.Ring > 0 {
		answer += time.Duration(r.random.ExpFloat64() * float64(r.plan.Ring))
	}
	if r.random.Float64() < r.plan.NoAnswer || answer >= deadline {
		r.at(deadline, report(queue.NoAnswer))
		return
	}
	r.at(answer, report(queue.Answered))
}

// alarm plans the Tick that the queue asks for.
func (r *runner) alarm(at time.Time) {
	if at.IsZero() {
		r.wake = 0
		return
	}
	when := max(r.now, at.Sub(midnight))
	if r.wake == when {
		return
	}
	r.wake = when
	r.at(when, func() {
		if r.wake == when { // else something has changed it meanwhile
			r.wake = 0
			r.step(queue.Tick{})
		}
	})
}
