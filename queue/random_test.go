package queue

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
)

var (
	seeds = flag.Int("seeds", 1000, "how many random days are lived through")
	seed  = flag.Uint64("seed", 1, "the first of them")
)

// stepsPerDay is the length of one random day, before it is brought to an end.
const stepsPerDay = 120

// A day is a random sequence of events with a witness at it. pick(n) chooses 0..n-1.
type day struct {
	*witness
	pick    func(n int) int
	entered int
	past    []Reported // to be told again, late
	moved   string     // the operator who changed last
	heard   []Command  // everything that came out
}

var (
	names     = []string{"ann", "bob", "cem", "dil", "ela"}
	languages = []call.Language{"az", "en", "ru"}
	twoQueues = []Rules{
		{Name: "general", Target: 20 * time.Second, Offer: 15 * time.Second, WrapUp: 90 * time.Second, ReadyOnRegister: true},
		{Name: "tax", Target: 10 * time.Second, Offer: 8 * time.Second},
	}
)

func newDay(pick func(int) int) *day {
	return &day{witness: newWitness(twoQueues), pick: pick}
}

// name is an operator: often the one who changed last, so that things happen to people in the
// midst of something.
func (d *day) name() string {
	if d.moved != "" && d.pick(3) == 0 {
		return d.moved
	}
	return names[d.pick(len(names))]
}

func (d *day) call() call.ID { // one of the last, also one that is gone
	return call.ID(fmt.Sprintf("c%05d", max(0, d.entered-d.pick(12))))
}

// later is a time that goes by: mostly none or little, at times exactly to the next timer, just
// short of it or far over.
func (d *day) later() time.Duration {
	switch d.pick(10) {
	case 0:
		return time.Millisecond
	case 1:
		return 300 * time.Millisecond
	case 2:
		return Quiet
	case 3:
		return 7 * time.Second
	case 4:
		return time.Duration(d.pick(60000)) * time.Millisecond
	case 5, 6:
		if !d.wake.IsZero() {
			return d.wake.Sub(d.now)
		}
	case 7:
		if !d.wake.IsZero() {
			return max(0, d.wake.Sub(d.now)-time.Nanosecond)
		}
	}
	return 0
}

// event chooses what happens next.
func (d *day) event() Event {
	switch k := d.pick(100); {
	case k < 25:
		t := Ticket{Queue: twoQueues[d.pick(2)].Name, Language: languages[d.pick(3)]}
		if d.pick(20) == 0 {
			t.Queue = "nowhere"
		}
		if d.pick(20) == 0 {
			t.Language = ""
		}
		d.entered++
		t.Call = call.ID(fmt.Sprintf("c%05d", d.entered))
		if d.pick(30) == 0 {
			t.Call = d.call()
		}
		t.Arrived = d.now.Add(-time.Duration(d.pick(4)) * 10 * time.Second)
		return Entered{t}
	case k < 48:
		return d.report(true)
	case k < 53:
		return d.report(false)
	case k < 57 && len(d.past) > 0:
		return d.past[len(d.past)-1-d.pick(min(len(d.past), 10))]
	case k < 72:
		return Left{d.call()}
	case k < 75:
		return Paused{Operator: d.name(), Reason: "lunch"}
	case k < 80:
		return Resumed{d.name()}
	case k < 89:
		return PhoneChanged{d.name(), d.pick(4) > 0, d.pick(3) > 0}
	case k < 91:
		return OwnCallChanged{d.name(), d.pick(3) == 0}
	case k < 93:
		if d.pick(4) == 0 {
			return Released{d.name()}
		}
		return Reserved{d.name()}
	case k < 96:
		return d.transfer()
	case k < 97:
		return OperatorsSet{d.operators()}
	case k < 98:
		return d.reload()
	}
	return Tick{}
}

// report is one that fits an offer or a talk, or (not apt) one out of the air.
func (d *day) report(apt bool) Event {
	results := []Result{Answered, Answered, Answered, NoAnswer, Busy, Unreachable, Lost}
	r := Reported{Call: d.call(), Operator: d.name(), Result: results[d.pick(len(results))]}
	if apt {
		for i := range 12 { // the oldest of the last few that somebody has
			id := call.ID(fmt.Sprintf("c%05d", d.entered-11+i))
			if c := d.calls[id]; c != nil && c.operator != "" && (!c.talking || r.Result == Lost || r.Result == Busy) {
				r.Call, r.Operator = id, c.operator
				break
			}
		}
	}
	d.past = append(d.past, r)
	return r
}

// transfer hands a caller on: mostly one who talks, to one who is reserved; or out of the house.
func (d *day) transfer() Event {
	t := Transferred{Call: d.call(), To: d.name()}
	for i := range 12 {
		id := call.ID(fmt.Sprintf("c%05d", d.entered-11+i))
		if c := d.calls[id]; c != nil && c.talking {
			t.Call = id
			break
		}
	}
	for _, name := range names {
		if o := d.ops[name]; o != nil && o.reserved && d.pick(2) == 0 {
			t.To = name
		}
	}
	if d.pick(4) == 0 {
		t.To = ""
	}
	return t
}

func (d *day) operators() []Operator {
	var list []Operator
	for _, name := range names {
		if d.pick(8) == 0 {
			continue
		}
		o := Operator{Name: name, Disabled: d.pick(10) == 0}
		for _, l := range languages {
			if d.pick(3) > 0 {
				o.Languages = append(o.Languages, l)
			}
		}
		if d.pick(3) == 0 {
			o.Queues = []string{twoQueues[d.pick(2)].Name}
		}
		list = append(list, o)
	}
	return list
}

func (d *day) reload() Event {
	switch d.pick(4) {
	case 0:
		return RulesSet{Rules: twoQueues[:1]}
	case 1:
		changed := twoQueues[1]
		changed.WrapUp, changed.ReadyOnRegister = 5*time.Second, true
		return RulesSet{Rules: []Rules{changed, twoQueues[0]}}
	}
	return RulesSet{Rules: twoQueues}
}

func (d *day) do(ev Event, after time.Duration) error {
	cmds := d.step(ev, after)
	d.heard = append(d.heard, cmds...)
	for _, c := range cmds {
		if c, ok := c.(OperatorChanged); ok {
			d.moved = c.Operator
		}
	}
	return d.wrong
}

// live goes through the day and its end. The first objection ends it.
func (d *day) live(steps int) error {
	var all []Operator
	for _, name := range names {
		all = append(all, Operator{Name: name, Languages: languages})
	}
	d.do(OperatorsSet{all}, 0)
	for _, name := range names {
		d.do(PhoneChanged{name, true, true}, 0)
	}
	for range steps {
		if err := d.do(d.event(), d.later()); err != nil {
			return err
		}
	}
	return d.heal(all)
}

// heal makes everything well: then every caller has to be served, and at last nothing may be
// left, no caller, no timer, nobody held (I5, I14).
func (d *day) heal(all []Operator) error {
	d.do(RulesSet{Rules: twoQueues}, 0)
	d.do(OperatorsSet{all}, 0)
	for _, name := range names {
		for o := d.ops[name]; o.own > 0; {
			d.do(OwnCallChanged{name, false}, 0)
		}
		d.do(OwnCallChanged{name, false}, 0) // one too many changes nothing
		d.do(Released{name}, 0)
		d.do(PhoneChanged{name, true, true}, 0)
		d.do(Resumed{name}, 0)
	}
	for range 10 * len(d.calls) {
		for _, id := range d.ids() {
			if c := d.calls[id]; c.talking {
				d.do(Left{id}, 0)
			} else if c.operator != "" {
				d.do(Reported{id, c.operator, Answered}, 0)
			}
		}
		if len(d.calls) == 0 || d.wrong != nil {
			break
		}
		if !d.wake.IsZero() {
			d.do(Tick{}, d.wake.Sub(d.now))
		}
	}
	for range 1000 {
		if d.wake.IsZero() {
			break
		}
		d.do(Tick{}, d.wake.Sub(d.now))
	}
	snap := d.s.Snapshot(d.now)
	for _, q := range snap.Queues {
		if q.Waiting > 0 {
			d.object("I5: %d callers of %s are never served", q.Waiting, q.Name)
		}
	}
	for _, o := range snap.Operators {
		if o.State != OperatorReady || o.Call != "" {
			d.object("I14: %s is left as %+v", o.Name, o)
		}
	}
	if !d.wake.IsZero() || len(d.calls) > 0 || len(d.s.calls) > 0 || d.s.unused < len(d.s.demands) || len(d.s.timers) > 0 {
		d.object("I14: left are a timer at %s and %d calls", d.wake, len(d.s.calls))
	}
	return d.wrong
}

// ids are the calls in the order of their ids.
func (d *day) ids() []call.ID {
	var ids []call.ID
	for i := range d.entered + 1 {
		if id := call.ID(fmt.Sprintf("c%05d", i)); d.calls[id] != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func seeded(n uint64) *day {
	r := rand.New(rand.NewPCG(n, 0))
	return newDay(r.IntN)
}

// More of them by hand: go test ./queue -run TestRandomDays -seeds 100000.
func TestRandomDays(t *testing.T) {
	n := *seeds
	if testing.Short() {
		n = min(n, 500)
	}
	seen := map[string]int{}
	for i := range uint64(n) {
		d := seeded(*seed + i)
		if err := d.live(stepsPerDay); err != nil {
			t.Fatalf("seed %d: %v", *seed+i, err)
		}
		for _, c := range d.heard {
			seen[reflect.TypeOf(c).Name()]++
			if c, ok := c.(OperatorChanged); ok {
				seen[string(c.From)+" -> "+string(c.To)]++
			}
		}
	}
	// A day in which things do not happen proves nothing about them.
	for _, what := range []string{"Queued", "Offered", "Withdrawn", "Replied", "Connected", "Abandoned", "Finished", "Refused"} {
		if seen[what] < n {
			t.Errorf("%s was seen only %d times in %d days", what, seen[what], n)
		}
	}
	for from, tos := range moves {
		for _, to := range tos {
			if from == OperatorOffline && (to == OperatorWrapUp || to == OperatorUnreachable) {
				continue // too rare to wait for: TestBackBeforeItWasOver has them
			}
			if n >= 1000 && seen[string(from)+" -> "+string(to)] == 0 {
				t.Errorf("nobody went from %s to %s in %d days", from, to, n)
			}
		}
	}
}

// The same over rapid, which shrinks a day that fails to its few decisive events.
func TestShrunkDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDay(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") })
		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		if err := d.live(steps); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheSameDayTwiceIsTheSame(t *testing.T) {
	for i := range uint64(20) {
		a, b := seeded(i), seeded(i)
		if err := a.live(stepsPerDay); err != nil {
			t.Fatal(err)
		}
		_ = b.live(stepsPerDay)
		for k := range a.heard {
			// Errors are compared by their words: each is made anew.
			if x, y := fmt.Sprintf("%+v", a.heard[k]), fmt.Sprintf("%+v", b.heard[k]); x != y {
				t.Fatalf("seed %d: command %d is %s the first time, %s the second", i, k, x, y)
			}
		}
	}
}
