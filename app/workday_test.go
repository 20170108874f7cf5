package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/calltest"
	"hotline/floor"
	"hotline/line"
	"hotline/prompts"
	"hotline/queue"
	"hotline/recording"
)

var workdays = flag.Int("workdays", 40, "how many random workdays of transfers are lived through")

// A workday is the line and the floor as they are, with telephones of chance around them: callers
// come and leave, operators answer or do not, hold, hang up, vanish, put callers through blind or
// after a consult, and call each other. It objects where an operator is rung who has somebody.
type workday struct {
	t     *testing.T
	line  *line.Line
	floor *floor.Floor

	mu    sync.Mutex
	rand  *rand.Rand
	legs  map[string][]*calltest.Leg // all that were answered, by operator or number
	rings map[string]call.ID         // what an operator's telephone rings for

	arrived map[call.ID]int
	closed  map[call.ID]call.Record
	seen    map[string]int
	over    bool
}

var colleagues = []string{"aysel", "leyla", "murad", "samir"}

func (w *workday) pick(n int) int { w.mu.Lock(); defer w.mu.Unlock(); return w.rand.IntN(n) }

// within is a time of chance, in steps of half a second: much happens at the same moment.
func (w *workday) within(least, most time.Duration) time.Duration {
	return least + time.Duration(w.pick(int((most-least)/(500*time.Millisecond))+1))*500*time.Millisecond
}

func (w *workday) saw(what string) { w.mu.Lock(); w.seen[what]++; w.mu.Unlock() }

func (w *workday) somebody() string {
	all := append([]string{"general", "tax", "migration", "fire", "+000125550177", "+000900", "nobody"}, colleagues...)
	return all[w.pick(len(all))]
}

// Arrived, Event and Closed make it the journal.
func (w *workday) Arrived(r call.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived[r.ID]++
	return nil
}

func (w *workday) Event(e call.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Name == "call.transferred" {
		w.seen[e.Data["kind"]+" to "+e.Data["to_kind"]+": "+e.Data["outcome"]]++
	}
}

func (w *workday) Closed(r call.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, twice := w.closed[r.ID]; twice || w.arrived[r.ID] != 1 {
		w.t.Errorf("call %s arrived %d times, and is closed again as %s", r.ID, w.arrived[r.ID], r.Outcome)
	}
	w.closed[r.ID] = r
	w.seen["ended: "+string(r.Kind)+" "+string(r.Outcome)]++
	return nil
}

// Dial rings an operator: none who has somebody, unless it is to take a caller of theirs back.
func (w *workday) Dial(ctx context.Context, d call.Dial) (call.Leg, error) {
	w.mu.Lock()
	for _, l := range w.legs[d.User] {
		if !l.Over() {
			w.t.Errorf("%s is rung for %s while in call %s", d.User, d.Call, l.Info().Call)
		}
	}
	if other := w.rings[d.User]; other != "" {
		w.t.Errorf("%s: %s is rung for %s while it rings for %s", time.Now().Format(time.TimeOnly), d.User, d.Call, other)
	}
	w.rings[d.User] = d.Call
	w.mu.Unlock()
	defer func() { w.mu.Lock(); delete(w.rings, d.User); w.mu.Unlock() }()
	leg, err := w.ring(ctx, d.User, d.Call, d.Ringing)
	if err != nil {
		return nil, err
	}
	go w.operate(d.User, leg)
	return leg, nil
}

// DialOutside rings somebody who hangs up some time.
func (w *workday) MayCall(call.Number) bool { return false }

func (w *workday) DialOutside(ctx context.Context, o call.Outside) (call.Leg, error) {
	if o.To.Raw() == "+000900" {
		return nil, &call.DialError{Failure: call.Forbidden}
	}
	if o.Early != nil && w.pick(3) == 0 {
		early := calltest.NewLeg(call.Info{ID: "early"})
		defer early.End(call.CauseOurs)
		o.Early(early)
	}
	leg, err := w.ring(ctx, "outside "+o.To.Raw(), o.Call, o.Ringing)
	if err != nil {
		return nil, err
	}
	go func() {
		time.Sleep(w.within(0, time.Minute))
		leg.End(call.CauseHangup)
	}()
	return leg, nil
}

func (w *workday) ring(ctx context.Context, who string, id call.ID, ringing func()) (*calltest.Leg, error) {
	answer := time.After(w.within(0, 8*time.Second))
	switch fate := w.pick(20); {
	case fate < 2:
		return nil, &call.DialError{Failure: call.Busy, Code: 486}
	case fate < 4:
		select {
		case <-time.After(w.within(0, 2*time.Second)):
			return nil, &call.DialError{Failure: call.Declined, Code: 603}
		case <-ctx.Done():
			return nil, &call.DialError{Failure: call.Withdrawn}
		}
	case fate < 5:
		return nil, &call.DialError{Failure: call.Unreachable}
	case fate < 8:
		answer = nil
	}
	if ringing != nil {
		ringing()
	}
	select {
	case <-answer:
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, &call.DialError{Failure: call.NoAnswer}
		}
		return nil, &call.DialError{Failure: call.Withdrawn}
	}
	leg := calltest.NewLeg(call.Info{ID: string(call.NewID()), Call: id, Role: call.RoleOperator, User: who})
	if err := leg.Answer(ctx); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.legs[who] = append(w.legs[who], leg)
	return leg, nil
}

// transfer is one that must be told one final status at most.
func (w *workday) transfer(to string, consult call.Leg) *call.Transfer {
	final := 0
	return &call.Transfer{To: to, Consult: consult, Tell: func(code int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if code >= 200 {
			final++
		}
		if final > 1 {
			w.t.Errorf("a transfer was told %d after its end", code)
		}
	}}
}

// operate is what an operator does with a call until it is over.
func (w *workday) operate(name string, leg *calltest.Leg) {
	for {
		time.Sleep(w.within(0, 30*time.Second))
		if leg.Over() {
			return
		}
		switch w.pick(10) {
		case 0, 1:
			leg.End(call.CauseHangup)
		case 2:
			leg.End(call.CauseFailed)
		case 3, 4, 5:
			leg.Ask(w.transfer(w.somebody(), nil))
			if w.pick(2) == 0 {
				time.Sleep(w.within(0, 4*time.Second))
				leg.End(call.CauseHangup)
			}
		case 6, 7, 8:
			w.consult(name, leg)
		default:
			leg.Tell(call.LegHeld)
			time.Sleep(w.within(0, 5*time.Second))
			leg.Tell(call.LegResumed)
		}
	}
}

// consult holds the caller, calls somebody and then puts them together, or not.
func (w *workday) consult(name string, leg *calltest.Leg) {
	leg.Tell(call.LegHeld)
	to := w.somebody()
	phone, over := w.own(name, to)
	time.Sleep(w.within(0, 20*time.Second))
	switch w.pick(4) {
	case 0, 1:
		leg.Ask(w.transfer(to, phone))
	case 2:
		phone.Ask(w.transfer(to, leg))
	default:
		phone.End(call.CauseHangup)
		leg.Tell(call.LegResumed)
	}
	time.Sleep(w.within(0, 40*time.Second))
	phone.End(call.CauseHangup)
	<-over
}

// own has an operator's telephone call somebody.
func (w *workday) own(name, to string) (*calltest.Leg, chan struct{}) {
	leg := calltest.NewLeg(call.Info{ID: string(call.NewID()), Call: call.NewID(), Role: call.RoleOperator, User: name, Dialled: to})
	over := make(chan struct{})
	go func() {
		defer close(over)
		w.line.ServePhone(context.Background(), leg)
		if !leg.Over() {
			w.t.Errorf("a telephone that called %s was left hanging", to)
		}
	}()
	return leg, over
}

// idle is what an operator does between: calls of the office, a star code.
func (w *workday) idle(name string) {
	for {
		time.Sleep(w.within(10*time.Second, 4*time.Minute))
		w.mu.Lock()
		over := w.over
		w.mu.Unlock()
		if over {
			return
		}
		to := "*45"
		if w.pick(2) == 0 {
			to = w.somebody()
		}
		leg, over2 := w.own(name, to)
		time.Sleep(w.within(0, 40*time.Second))
		leg.End(call.CauseHangup)
		<-over2
	}
}

func (w *workday) citizen() {
	leg := calltest.NewLeg(call.Info{ID: string(call.NewID()), Call: call.NewID(), Role: call.RoleCaller, Trunk: "carrier", Dialled: "919"})
	done := make(chan struct{})
	go func() { defer close(done); w.line.Serve(context.Background(), leg) }()
	time.Sleep(w.within(0, 5*time.Second))
	leg.Sound().Press('1')
	select {
	case <-done:
	case <-time.After(w.within(0, 6*time.Minute)):
		leg.End([]call.Cause{call.CauseHangup, call.CauseFailed, call.CauseMediaLost}[w.pick(3)])
		<-done
	}
	w.saw("citizens")
	if !leg.Over() {
		w.t.Error("a citizen was left hanging")
	}
}

func TestWorkdaysOfTransfers(t *testing.T) {
	seen := map[string]int{}
	for seed := range *workdays {
		t.Run(fmt.Sprint("day ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { liveWorkday(t, uint64(seed), seen) })
		})
	}
	// A day in which things do not happen proves nothing about them. By hand, where it is worth the
	// minute: -workdays 3000, which also sees callers leave in the midst of all of them.
	outcomes := []string{"done", "returned"}
	if *workdays >= 1000 {
		outcomes = append(outcomes, "abandoned")
	}
	for _, kind := range []string{"blind", "attended"} {
		for _, to := range []string{"operator", "directory", "outside"} {
			for _, outcome := range outcomes {
				if what := kind + " to " + to + ": " + outcome; *workdays >= 40 && seen[what] == 0 {
					t.Errorf("%s was never seen", what)
				}
			}
		}
	}
	t.Log(seen)
}

func liveWorkday(t *testing.T, seed uint64, seen map[string]int) {
	w := &workday{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)), legs: map[string][]*calltest.Leg{}, rings: map[string]call.ID{},
		arrived: map[call.ID]int{}, closed: map[call.ID]call.Record{}, seen: seen,
	}
	w.floor = floor.New(floor.Options{
		Rules: []queue.Rules{
			{Name: "general", Target: 20 * time.Second, Offer: 10 * time.Second, WrapUp: 5 * time.Second, ReadyOnRegister: true},
			{Name: "tax", Target: 20 * time.Second, Offer: 10 * time.Second, ReadyOnRegister: true},
		},
		Journal: w, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	defer w.floor.Close()
	var err error
	w.line, err = line.New(line.Options{
		Settings: line.Settings{
			Lines: []line.Number{{Number: "919", Queue: "general"}}, Languages: []call.Language{"az", "en", "ru"},
			Policy: line.RecordAlways, Limit: 1000, Whisper: true, Queues: map[string]line.Queue{"general": {}, "tax": {}},
			Directory: []line.Entry{{Name: "migration", Number: "+000125550100"}, {Name: "fire", Number: "101", Emergency: true}},
			Ring:      6 * time.Second,
		},
		Floor: w.floor, Operators: w.floor, Stars: w.floor, Places: w.floor, Callbacks: &callbacks{Floor: w.floor}, Dialer: w, Journal: w, Recorder: noDisk{}, Prompts: secondClips{},
		Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var ops []queue.Operator
	for _, name := range colleagues {
		ops = append(ops, queue.Operator{Name: name, Languages: []call.Language{"az", "en", "ru"}})
	}
	w.floor.SetOperators(ops)
	var people sync.WaitGroup
	for _, name := range colleagues {
		w.floor.Registered(name, true, true)
		people.Go(func() { w.idle(name) })
	}
	var citizens sync.WaitGroup
	for range 25 {
		time.Sleep(w.within(0, 40*time.Second))
		citizens.Go(w.citizen)
	}
	citizens.Wait()
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	people.Wait()
	if err := w.line.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Minute) // what rests or writes notes is ready again
	w.judge()
}

// judge demands that a day that is over has left nothing.
func (w *workday) judge() {
	for _, o := range w.floor.Snapshot().Operators {
		if o.State != queue.OperatorReady || o.Call != "" {
			w.t.Errorf("%s is left %s with %q", o.Name, o.State, o.Call)
		}
		if !w.floor.Reserve(o.Name) {
			w.t.Errorf("%s cannot be reserved any more", o.Name)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.closed) != len(w.arrived) {
		w.t.Errorf("%d calls came, %d are closed", len(w.arrived), len(w.closed))
	}
	for who, legs := range w.legs {
		for _, l := range legs {
			if !l.Over() {
				w.t.Errorf("%s is left in call %s", who, l.Info().Call)
			}
		}
	}
}

// noDisk takes no recording.
type noDisk struct{}

func (noDisk) Open(recording.Meta) (*recording.Recording, error) { return nil, errors.New("no disk") }
func (noDisk) Healthy() error                                    { return nil }

// secondClips makes every clip a second long.
type secondClips struct{}

// What has numbers in it is left out: silence is as good here.
func (secondClips) SayPosition(int, call.Language) []*call.Clip        { return nil }
func (secondClips) SayWait(time.Duration, call.Language) []*call.Clip  { return nil }
func (secondClips) SayDay(time.Time, call.Language) []*call.Clip       { return nil }
func (secondClips) SayDigits(string, call.Language) []*call.Clip       { return nil }
func (secondClips) SayChoice(string, byte, call.Language) []*call.Clip { return nil }
func (secondClips) SayCase(string, call.Language) []*call.Clip         { return nil }
func (secondClips) SayMenu([]prompts.Item, call.Language) []*call.Clip { return nil }

func (secondClips) Clip(key string, l call.Language) *call.Clip {
	return &call.Clip{Key: key, Language: l, Version: "v", PCM: make([]int16, call.ClockRate)}
}

func (secondClips) Music() *call.Clip {
	return &call.Clip{Key: "music", PCM: make([]int16, 10*call.ClockRate)}
}
