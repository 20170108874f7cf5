package queue

import (
	"container/heap"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"hotline/call"
)

// With one queue, one language and callers who never give up, who is served when and by whom is
// known exactly: each caller takes the server that has been free longest, at the later of their
// arrival and its becoming free (the recursion of Kiefer and Wolfowitz, 1955). Pick-up, talk and
// wrap-up together are the service.

// oracleCall is one caller of the oracle: what is given, and what must come of it.
type oracleCall struct {
	arrived, pickUp, talk time.Duration // arrived: after noon
	start                 time.Duration // when rung
	server                string
}

// recursion fills in start and server.
func recursion(calls []oracleCall, servers []string, wrapUp time.Duration) {
	type server struct {
		name string
		free time.Duration
	}
	all := make([]server, len(servers))
	for i, name := range servers {
		all[i].name = name
	}
	for i := range calls {
		c := &calls[i]
		best := 0
		for k := range all {
			if all[k].free < all[best].free {
				best = k // of two free since the same moment the first by name stays
			}
		}
		c.start = max(c.arrived, all[best].free)
		c.server = all[best].name
		all[best].free = c.start + c.pickUp + c.talk + wrapUp
	}
}

// scripts/simulation.sh asks for 100,000, without the race detector.
var oracleCalls = flag.Int("oracle-calls", 20_000, "how many calls are compared with the recursion, for each number of operators")

func TestEqualsTheMultiServerRecursion(t *testing.T) {
	for _, c := range []struct {
		servers int
		load    float64
		wrapUp  time.Duration
	}{{1, 0.7, 0}, {3, 0.9, 20 * time.Second}, {10, 0.8, 0}, {30, 0.97, 45 * time.Second}} {
		t.Run(fmt.Sprintf("%d operators at %g", c.servers, c.load), func(t *testing.T) {
			calls := randomCalls(*oracleCalls, c.servers, c.load, c.wrapUp)
			var names []string
			for i := range c.servers {
				names = append(names, fmt.Sprintf("op%02d", i))
			}
			recursion(calls, names, c.wrapUp)
			wrong := 0
			for i, got := range live(calls, names, c.wrapUp) {
				want := calls[i]
				if off := got.start - want.start; off.Abs() > time.Millisecond || got.server != want.server {
					if wrong++; wrong < 5 {
						t.Errorf("caller %d was offered to %s at %s, the recursion says to %s at %s",
							i, got.server, got.start, want.server, want.start)
					}
				}
			}
			if wrong > 0 {
				t.Errorf("%d of %d callers differ", wrong, len(calls))
			}
		})
	}
}

// randomCalls come at exponential distances and talk for exponential times, mean three minutes.
func randomCalls(n, servers int, load float64, wrapUp time.Duration) []oracleCall {
	r := rand.New(rand.NewPCG(919, uint64(servers)))
	const talk, pickUp = 180 * time.Second, 4 * time.Second
	between := float64(talk+pickUp+wrapUp) / float64(servers) / load
	calls := make([]oracleCall, n)
	var at time.Duration
	for i := range calls {
		at += time.Duration(r.ExpFloat64() * between)
		calls[i] = oracleCall{
			arrived: at,
			pickUp:  time.Duration(r.Float64() * 2 * float64(pickUp)),
			talk:    time.Duration(r.ExpFloat64() * float64(talk)),
		}
	}
	return calls
}

// live puts the same callers through a State, with operators who pick up and hang up as given,
// and returns who was rung when.
func live(calls []oracleCall, names []string, wrapUp time.Duration) []oracleCall {
	s := New([]Rules{{Name: "general", Offer: 15 * time.Second, WrapUp: wrapUp, ReadyOnRegister: true}})
	got := make([]oracleCall, len(calls))
	var todo agenda
	wake := time.Duration(-1)
	id := func(i int) call.ID { return call.ID(fmt.Sprintf("c%06d", i)) }
	step := func(ev Event, now time.Duration) {
		for _, c := range s.Step(ev, noon.Add(now)) {
			switch c := c.(type) {
			case Offered:
				var i int
				fmt.Sscanf(string(c.Call), "c%d", &i)
				got[i] = oracleCall{start: now, server: c.Operator}
				answered := now + calls[i].pickUp
				heap.Push(&todo, entry{answered, Reported{c.Call, c.Operator, Answered}})
				heap.Push(&todo, entry{answered + calls[i].talk, Left{c.Call}})
			case Wake:
				wake = -1
				if !c.At.IsZero() {
					wake = c.At.Sub(noon)
				}
			}
		}
	}
	var all []Operator
	for _, name := range names {
		all = append(all, Operator{Name: name, Languages: []call.Language{"az"}})
	}
	step(OperatorsSet{all}, 0)
	for _, name := range names {
		step(PhoneChanged{name, true, true}, 0)
	}
	for next := 0; next < len(calls) || len(todo) > 0 || wake >= 0; {
		// The earliest of: an arrival, a deed of a person, a timer.
		switch {
		case wake >= 0 && (next == len(calls) || wake <= calls[next].arrived) && (len(todo) == 0 || wake <= todo[0].at):
			step(Tick{}, wake)
		case len(todo) > 0 && (next == len(calls) || todo[0].at <= calls[next].arrived):
			e := heap.Pop(&todo).(entry)
			step(e.ev, e.at)
		default:
			c := calls[next]
			step(Entered{Ticket{Call: id(next), Queue: "general", Language: "az", Arrived: noon.Add(c.arrived)}}, c.arrived)
			next++
		}
	}
	return got
}

// agenda is what people are going to do, earliest first.
type agenda []entry

type entry struct {
	at time.Duration
	ev Event
}

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, k int) bool { return a[i].at < a[k].at }
func (a agenda) Swap(i, k int)      { a[i], a[k] = a[k], a[i] }
func (a *agenda) Push(e any)        { *a = append(*a, e.(entry)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}
