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
	seeds = flag.Int("seeds", 200, "how many random days are lived through")
	seed  = flag.Uint64("seed", 1, "the first of them")
)

// stepsPerDay is the length of one random day, before it is brought to an end.
const stepsPerDay = 120

// A day is a sequence of events without any sense, with a witness at it: everything may come at any
// time. pick(n) chooses 0..n-1.
type day struct {
	*witness
	variety
	usual   []Rules
	entered int
	past    []Event // to be told again, late
	moved   string  // the operator who changed last
	heard   []Command
}

func newDay(pick func(int) int) *day {
	v := variety{pick}
	usual := v.someRules()
	return &day{witness: newWitness(usual), variety: v, usual: usual}
}

// name is an operator: often the one who changed last, so that things happen to people in the
// midst of something.
func (d *day) name() string {
	if d.moved != "" && d.one(3) {
		return d.moved
	}
	return names[d.pick(len(names))]
}

// any is one of the last calls, also one that is gone.
func (d *day) any() call.ID { return callName(max(0, d.entered-d.pick(12))) }

// that is the first of the last few calls of which something is so, or any.
func (d *day) that(is func(c *seenCall) bool) *seenCall {
	for i := range 12 {
		if c := d.witness.call(callName(d.entered - 11 + i)); c != nil && is(c) {
			return c
		}
	}
	return &seenCall{Ticket: Ticket{Call: d.any()}}
}

// later is a time that goes by: mostly none or little, at times exactly to the next timer, just
// short of it or far over; or the clock is set back.
func (d *day) later() time.Duration {
	switch d.pick(12) {
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
	case 5, 6, 7:
		if !d.wake.IsZero() {
			return max(0, d.wake.Sub(d.now))
		}
	case 8:
		if !d.wake.IsZero() {
			return max(0, d.wake.Sub(d.now)-time.Nanosecond)
		}
	case 9:
		if d.one(10) {
			return -time.Minute
		}
	}
	return 0
}

// event chooses what happens next.
func (d *day) event() Event {
	switch k := d.pick(110); {
	case k < 24:
		return Entered{d.ticket()}
	case k < 46:
		return d.report(true)
	case k < 50:
		return d.report(false)
	case k < 54 && len(d.past) > 0:
		return d.past[len(d.past)-1-d.pick(min(len(d.past), 10))]
	case k < 66:
		return Left{d.any()}
	case k < 69:
		return Paused{Operator: d.name(), Reason: "lunch", Force: d.one(4)}
	case k < 74:
		return Resumed{d.name()}
	case k < 81:
		return PhoneChanged{d.name(), !d.one(4), !d.one(3)}
	case k < 83:
		return OwnCallChanged{d.name(), d.one(3)}
	case k < 85:
		if d.one(4) {
			return Released{d.name()}
		}
		return Reserved{d.name()}
	case k < 88:
		return d.transfer()
	case k < 89:
		return OperatorsSet{d.someOperators()}
	case k < 90:
		return d.reload()
	case k < 92:
		return Held{d.that(func(c *seenCall) bool { return c.with != nil }).Call, !d.one(3)}
	case k < 94:
		return Prioritised{d.any(), d.seconds(-60, 300)}
	case k < 96:
		return Told{d.any(), d.seconds(0, 300)}
	case k < 100:
		return d.callback()
	case k < 103:
		id := d.that(func(c *seenCall) bool { return c.with != nil && !c.live() }).Call
		if d.one(3) {
			return CallbackReached{id}
		}
		return CallbackFailed{id, d.one(5)}
	case k < 104:
		return HoursSet{queues[d.pick(3)], !d.one(3)}
	case k < 106:
		return WrapUpExtended{d.name()}
	case k < 107:
		return Disposed{d.name(), "1"}
	case k < 108 && d.one(4):
		if d.one(3) {
			return PhonesTold{}
		}
		return Restarted{}
	}
	return Tick{}
}

func (d *day) ticket() Ticket {
	t := Ticket{Queue: queues[d.pick(3)], Language: languages[d.pick(3)]}
	if d.one(20) {
		t.Queue = "nowhere"
	}
	if d.one(20) {
		t.Language = ""
	}
	if d.one(2) {
		t.Last = d.name()
	}
	d.entered++
	t.Call, t.Passed = callName(d.entered), d.entered%7 == 0
	if d.one(30) {
		t.Call = d.any()
	}
	t.Arrived = d.now.Add(-time.Duration(d.pick(4)) * 10 * time.Second)
	return t
}

func (d *day) callback() Event {
	t := d.ticket()
	t.Party = fmt.Sprintf("+%d", d.pick(12))
	if !d.one(3) {
		t.For = d.that(func(c *seenCall) bool { return c.with == nil && c.Party == "" }).Call
	}
	if d.one(20) {
		t.Party = ""
	}
	if d.one(4) {
		t.Case = "2026-000123"
	}
	return CallbackAsked{t}
}

// report is one that fits an offer or a talk, or (not apt) one out of the air.
func (d *day) report(apt bool) Event {
	results := []Result{Answered, Answered, Answered, NoAnswer, Busy, Unreachable, Lost}
	r := Reported{Call: d.any(), Operator: d.name(), Result: results[d.pick(len(results))]}
	if apt {
		c := d.that(func(c *seenCall) bool {
			return len(c.ringing) > 0 || c.with != nil && (r.Result == Lost || r.Result == Busy)
		})
		if r.Call = c.Call; c.with != nil {
			r.Operator = c.with.Name
		} else if len(c.ringing) > 0 {
			r.Operator = c.ringing[d.pick(len(c.ringing))].Name
		}
	}
	d.past = append(d.past, r)
	return r
}

// transfer hands a caller on: mostly one who talks, to one who is reserved; or out of the house.
func (d *day) transfer() Event {
	t := Transferred{Call: d.that(func(c *seenCall) bool { return c.with != nil }).Call, To: d.name()}
	for _, o := range d.ops {
		if o.reserved && d.one(2) {
			t.To = o.Name
		}
	}
	if d.one(4) {
		t.To = ""
	}
	return t
}

func (d *day) reload() Event {
	ev := RulesSet{Rules: d.usual, House: d.someHouse()}
	switch d.pick(4) {
	case 0:
		ev.Rules = d.usual[:1+d.pick(2)]
	case 1:
		ev.Rules = d.someRules()
	}
	return ev
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
	d.do(OperatorsSet{everybody()}, 0)
	for _, name := range names {
		d.do(PhoneChanged{name, true, true}, 0)
	}
	for range steps {
		if err := d.do(d.event(), d.later()); err != nil {
			return err
		}
	}
	return d.heal()
}

// heal makes everything well: then every caller has to be served, and at last nothing may be
// left, no caller, no timer, nobody held (I5, I14).
func (d *day) heal() error {
	d.do(RulesSet{Rules: d.usual}, 0)
	d.do(OperatorsSet{everybody()}, 0)
	for _, name := range queues {
		d.do(HoursSet{name, true}, 0)
	}
	for _, name := range names {
		for d.op(name).own > 0 && d.wrong == nil {
			d.do(OwnCallChanged{name, false}, 0)
		}
		d.do(OwnCallChanged{name, false}, 0) // one too many changes nothing
		d.do(Released{name}, 0)
		d.do(PhoneChanged{name, true, true}, 0)
		d.do(Resumed{name}, 0)
	}
	for range 1000 {
		if len(d.calls) == 0 || d.wrong != nil {
			break
		}
		for d.serve() && d.wrong == nil {
		}
		if !d.wake.IsZero() {
			d.do(Tick{}, max(0, d.wake.Sub(d.now)))
		}
	}
	for range 1000 {
		if d.wake.IsZero() || d.wrong != nil {
			break
		}
		d.do(Tick{}, max(0, d.wake.Sub(d.now)))
	}
	d.empty()
	return d.wrong
}

// serve lets everybody who is rung answer, and ends every talk; who has waited too long is let go. It
// reports whether there was anybody.
func (d *day) serve() (any bool) {
	before := d.stepped
	for i := range d.entered + 1 {
		switch c := d.witness.call(callName(i)); {
		case c == nil:
		case c.with != nil && !c.live():
			d.do(CallbackReached{c.Call}, 0)
		case c.with != nil || c.expired:
			d.do(Left{c.Call}, 0)
		case len(c.ringing) > 0:
			d.do(Reported{c.Call, c.ringing[0].Name, Answered}, 0)
		}
	}
	return d.stepped > before
}

// empty holds that nothing is left of all there was.
func (w *witness) empty() {
	snap := w.s.Snapshot(w.now)
	for _, q := range snap.Queues {
		if len(q.Calls) > 0 {
			w.object("I5: %d of %s are never served, the first of them %+v", len(q.Calls), q.Name, q.Calls[0])
		}
	}
	for _, o := range snap.Operators {
		if o.State != OperatorReady || o.Call != "" {
			w.object("I14: %s is left as %+v", o.Name, o)
		}
	}
	if !w.wake.IsZero() || len(w.s.calls) > 0 || w.s.unused < len(w.s.demands) || len(w.s.timers) > 0 || len(w.s.parties) > 0 {
		w.object("I14: left are a timer at %s and %d calls", w.wake, len(w.s.calls))
	}
	if len(w.ledger.calls) > 0 {
		w.object("I3: %d calls never ended", len(w.ledger.calls))
	}
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
	for _, c := range commandCodecs {
		if what := c.of.Name(); seen[what] < n/50 {
			t.Errorf("%s was seen only %d times in %d days", what, seen[what], n)
		}
	}
	for from, tos := range moves {
		for _, to := range tos {
			if from == OperatorOffline && to == OperatorUnreachable {
				continue // too rare to wait for: TestBackBeforeItWasOver has it
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
