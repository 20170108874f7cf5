package queue

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"hotline/call"
)

// crowd is a busy house: operators in all states but ready, callers waiting in three languages and
// four queues, skills of which many combinations exist.
type crowd struct {
	s     *State
	now   time.Time
	next  int
	calls []call.ID // waiting
	talks map[string]call.ID
	names []string
}

func newCrowd(waiting, operators int, unlike bool) *crowd {
	rules := []Rules{
		{Name: "general", Target: 20 * time.Second, Offer: 15 * time.Second, WrapUp: time.Minute, ReadyOnRegister: true},
		{Name: "visa", Offer: 15 * time.Second, WrapUp: time.Minute, Strategy: ByLevel, Steps: []Step{{Skills: []Skill{{"visa", 4}}, Language: 2}, {After: 30 * time.Minute, Language: 1}}},
		{Name: "work", Offer: 15 * time.Second, WrapUp: time.Minute, HeadStart: time.Minute, Overflow: []Overflow{{time.Hour, "general"}}},
		{Name: "home", Offer: 15 * time.Second, Strategy: LeastTalk},
	}
	c := &crowd{s: New(rules), now: noon, talks: map[string]call.ID{}}
	r := rand.New(rand.NewPCG(1, 2))
	var list []Operator
	sets := [][]call.Language{{"az"}, {"az", "ru"}, {"az", "en"}, {"az", "en", "ru"}, {"ru"}}
	for i := range operators {
		o := Operator{Name: fmt.Sprintf("o%04d", i), Languages: sets[r.IntN(len(sets))]}
		if r.IntN(2) == 0 {
			o.Skills = []Skill{{"visa", 1 + r.IntN(5)}}
		}
		if unlike {
			o.Skills = append(o.Skills, Skill{o.Name, 1})
		}
		if r.IntN(3) == 0 {
			o.Queues = []string{rules[r.IntN(4)].Name, rules[r.IntN(4)].Name}
		}
		list = append(list, o)
		c.names = append(c.names, o.Name)
	}
	c.step(OperatorsSet{list})
	for _, o := range list {
		c.step(PhoneChanged{o.Name, true, true})
	}
	for len(c.calls) < waiting || c.free() > 0 {
		c.enter(r.IntN(4), r.IntN(3))
		if c.next > 40*(waiting+operators) {
			panic("the house does not fill")
		}
		if len(c.calls) > waiting {
			c.step(Left{c.calls[0]})
			c.calls = c.calls[1:]
		}
	}
	return c
}

func (c *crowd) free() (n int) {
	for _, a := range c.s.abilities {
		n += len(a.free)
	}
	return n
}

// step does one thing and lets everybody who is rung answer at once.
func (c *crowd) step(ev Event) {
	for _, cmd := range c.s.Step(ev, c.now) {
		if o, ok := cmd.(Offered); ok {
			c.talks[o.Operator] = o.Call
			c.s.Step(Reported{o.Call, o.Operator, Answered}, c.now)
			for i, id := range c.calls {
				if id == o.Call {
					c.calls = append(c.calls[:i], c.calls[i+1:]...)
					break
				}
			}
		}
	}
}

func (c *crowd) enter(queue, language int) {
	c.next++
	c.now = c.now.Add(time.Millisecond)
	id := call.ID(fmt.Sprintf("c%08d", c.next))
	c.calls = append(c.calls, id)
	c.step(Entered{Ticket{Call: id, Queue: c.s.rules[queue].Name, Language: languages[language], Arrived: c.now}})
}

// BenchmarkStep is what a step of the core costs in a full house: a caller comes, one leaves, a talk
// ends and its operator gets the next. The figure is that of one step, of which there are four.
func BenchmarkStep(b *testing.B) {
	for _, size := range []struct {
		waiting, operators int
		unlike             bool // no two operators know the same
	}{{10, 10, false}, {100, 100, false}, {1000, 100, false}, {100, 1000, false}, {1000, 1000, false}, {1000, 1000, true}} {
		name := fmt.Sprintf("waiting=%d/operators=%d", size.waiting, size.operators)
		if size.unlike {
			name += "/all-unlike"
		}
		b.Run(name, func(b *testing.B) {
			c := newCrowd(size.waiting, size.operators, size.unlike)
			r := rand.New(rand.NewPCG(3, 4))
			b.ReportAllocs()
			for b.Loop() {
				c.next++
				c.now = c.now.Add(time.Millisecond)
				id := call.ID(fmt.Sprintf("c%08d", c.next))
				c.s.Step(Entered{Ticket{Call: id, Queue: c.s.rules[r.IntN(4)].Name, Language: languages[r.IntN(3)], Arrived: c.now}}, c.now)
				if line := c.s.rules[r.IntN(4)].line; len(line) > size.waiting/4 {
					c.s.Step(Left{line[r.IntN(len(line))].Call}, c.now) // so that as many wait as before
				}
				name := c.names[r.IntN(len(c.names))]
				c.s.Step(Left{c.talks[name]}, c.now)
				for _, cmd := range c.s.Step(Resumed{name}, c.now) {
					if o, ok := cmd.(Offered); ok {
						c.talks[o.Operator] = o.Call
						c.s.Step(Reported{o.Call, o.Operator, Answered}, c.now)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4/1000, "µs/step")
			wait := 0
			for _, q := range c.s.rules {
				wait += len(q.line)
			}
			b.ReportMetric(float64(wait), "waiting-at-the-end")
		})
	}
}
