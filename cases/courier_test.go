package cases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
)

// twoUnits are told by e-mail, by webhook, and the second by both.
func twoUnits() Rules {
	return Rules{Zone: baku, Hours: work("", ""), Chief: Receiver{Email: "chief@example.org"}, Units: []Unit{
		{Name: "a", Receiver: Receiver{Email: "a@example.org"}},
		{Name: "b", Topics: []string{"b"}, Receiver: Receiver{Email: "b@example.org", Webhook: "http://127.0.0.1:1/", Secret: "s"}},
	}}
}

func newCourier(t *testing.T, o CourierOptions) *Courier {
	t.Helper()
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	o.Metrics = prometheus.NewRegistry()
	c, err := NewCourier(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A fate is what becomes of one try.
type fate int

const (
	arrives fate = iota
	fails        // before the receiver has it
	isLost       // the receiver has it, its answer is lost
	hangs
	dies // the receiver has it, and we die before we have noted it
	fates
)

// Whatever fails, hangs and dies in whatever order: each receiver sees each key, does it once because it
// knows the key, and is told again only where it had to be.
func TestEachKeyArrivesWhateverHappens(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for run := range uint64(10) {
		synctest.Test(t, func(t *testing.T) { anyOrder(t, rand.New(rand.NewPCG(seed, run))) })
	}
}

func anyOrder(t *testing.T, rnd *rand.Rand) {
	var (
		rows  = newMemory()
		rules = twoUnits()
		mu    sync.Mutex
		seen  = map[string]int{} // tries that reached the receiver, by receiver and key
		need  = map[string]int{} // tries that had to be
		die   context.CancelFunc
		bad   = 60 // so many tries go wrong, then all is well
	)
	send := func(ctx context.Context, _ Receiver, p parcel) error {
		mu.Lock()
		key := p.Unit + " " + string(p.Channel) + " " + p.Key
		what := arrives
		if bad > 0 {
			bad--
			what = fate(rnd.IntN(int(fates)))
		}
		need[key]++
		if what == arrives || what == isLost || what == dies {
			seen[key]++
		}
		kill := die
		mu.Unlock()
		switch what {
		case fails:
			return &fault{"busy", errors.New("not now")}
		case isLost:
			return &fault{"cut", io.ErrUnexpectedEOF}
		case hangs:
			<-ctx.Done()
			return ctx.Err()
		case dies:
			kill()
		}
		return nil
	}
	register, err := NewRegister(Options{
		Rows: rows, Rules: func() Rules { return rules }, Spell: func(n string) string { return n }, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for i := range 8 {
		id := fmt.Sprint("m", i)
		topic, to := "a", []string{"a email"}
		if i%2 == 1 {
			topic, to = "b", []string{"b email", "b webhook"}
		}
		if _, err := register.Open(t.Context(), call.Message{ID: call.ID(id), Topic: topic, Kind: call.MatterInformation, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		for _, receiver := range to {
			for _, suffix := range []string{"", "-50", "-80", "-100"} {
				want[receiver+" "+id+suffix] = true
			}
		}
	}
	for process := 0; len(rows.waiting()) > 0; process++ {
		if process > 200 {
			t.Fatalf("still to be told: %q", rows.waiting())
		}
		ctx, cancel := context.WithCancel(t.Context())
		mu.Lock()
		die = cancel
		mu.Unlock()
		c := newCourier(t, CourierOptions{Outbox: rows, Rules: func() Rules { return rules }})
		c.send = send
		stop := time.AfterFunc(time.Duration(1+rnd.IntN(100))*time.Hour, cancel) // or it is stopped
		c.Run(ctx)
		stop.Stop()
		cancel()
	}
	for key := range want {
		if seen[key] == 0 {
			t.Errorf("%s was never told", key)
		}
	}
	for key, n := range seen {
		if !want[key] {
			t.Errorf("%s was told and should not be", key)
		}
		if n > need[key] {
			t.Errorf("%s was told %d times, tried %d", key, n, need[key])
		}
	}
	told := 0
	for _, n := range need {
		told += n
	}
	if most := len(want) + 60 + 3*200; told > most { // each bad try costs one more, each death one a receiver
		t.Errorf("%d tries for %d keys", told, len(want))
	}
}

// One unit hangs: the other has its case at once, and the hanging one is tried for five minutes at most.
func TestAHangingReceiverHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows, rules := newMemory(), twoUnits()
		register, err := NewRegister(Options{Rows: rows, Rules: func() Rules { return rules }, Spell: nil, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for i, topic := range []string{"a", "a", "b", "b"} {
			if _, err := register.Open(t.Context(), call.Message{ID: call.ID(fmt.Sprint("m", i)), Topic: topic, At: began}); err != nil {
				t.Fatal(err)
			}
		}
		c := newCourier(t, CourierOptions{Outbox: rows, Rules: func() Rules { return rules }})
		var mu sync.Mutex
		arrived := map[string]time.Duration{}
		c.send = func(ctx context.Context, _ Receiver, p parcel) error {
			if p.Unit == "a" && time.Since(began) < time.Hour {
				<-ctx.Done()
				return ctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			arrived[string(p.Channel)+" "+p.Key] = time.Since(began)
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		c.Run(ctx)
		for _, key := range []string{"email m2", "webhook m2", "email m3", "webhook m3"} {
			if at, ok := arrived[key]; !ok || at > time.Second {
				t.Errorf("%s arrived after %s", key, at)
			}
		}
		for _, key := range []string{"email m0", "email m1"} {
			if at, ok := arrived[key]; !ok || at < time.Hour || at > 2*time.Hour+10*time.Minute {
				t.Errorf("%s, whose receiver hung for an hour, arrived after %s", key, at)
			}
		}
	})
}

// Nobody takes a case: after the term for forwarding somebody is told each hour.
func TestACaseThatNobodyTakesIsAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows, rules := newMemory(), twoUnits()
		log, entries := observer.New(zapcore.WarnLevel)
		register, err := NewRegister(Options{Rows: rows, Rules: func() Rules { return rules }, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := register.Open(t.Context(), call.Message{ID: "m0", Topic: "a", From: "+994500001122", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		c := newCourier(t, CourierOptions{Outbox: rows, Rules: func() Rules { return rules }, Log: zap.New(log)})
		tries := 0
		c.send = func(context.Context, Receiver, parcel) error {
			tries++
			return &fault{"rejected", errors.New("550 no such user a@example.org")}
		}
		forward := rows.cases[0].ForwardBy
		ctx, cancel := context.WithDeadline(t.Context(), forward.Add(10*time.Hour))
		defer cancel()
		c.Run(ctx)
		alarms := entries.FilterLevelExact(zapcore.ErrorLevel).All()
		if n := len(alarms); n < 9 || n > 11 {
			t.Errorf("%d alarms in ten hours", n)
		}
		if n := entries.FilterLevelExact(zapcore.WarnLevel).Len(); n != 1 {
			t.Errorf("%d warnings", n)
		}
		for _, e := range entries.All() {
			if text := fmt.Sprint(e.ContextMap()); len(text) == 0 || containsAny(text, "1122", "example.org") {
				t.Errorf("the log names somebody: %s", text)
			}
		}
		if hours := int(forward.Sub(rows.cases[0].Opened).Hours()); tries < hours || tries > hours+20 {
			t.Errorf("%d tries in %d hours", tries, hours)
		}
		if got := testutil.ToFloat64(c.metrics.failures.WithLabelValues("email")); got != float64(tries) {
			t.Errorf("%v failures counted, %d made", got, tries)
		}
	})
}

// What is answered meanwhile, or has gone to another unit, is not told any more.
func TestWhatHasChangedIsNotTold(t *testing.T) {
	rows, rules := newMemory(), twoUnits()
	rows.cases = []call.Case{{ID: "m0", Number: "1", Unit: "a", State: call.CaseAnswered}, {ID: "m1", Number: "2", Unit: "b", State: call.CaseRegistered}}
	c := newCourier(t, CourierOptions{Outbox: rows, Rules: func() Rules { return rules }})
	c.send = func(_ context.Context, _ Receiver, p parcel) error { t.Errorf("told: %s", p.Key); return nil }
	for _, id := range []call.ID{"m0", "m1"} {
		if err := c.tellOne(t.Context(), call.Delivery{Case: id, Key: string(id), Unit: "a", Channel: call.ByEmail}); err != nil {
			t.Error(err)
		}
	}
}

// A unit whose address was changed is told by what is there now.
func TestAUnitIsToldWhereItIsNow(t *testing.T) {
	rules := twoUnits()
	rules.Units[0].Receiver = Receiver{Webhook: "http://127.0.0.1:1/"}
	c := newCourier(t, CourierOptions{Outbox: newMemory(), Rules: func() Rules { return rules }})
	var by call.CaseChannel
	c.send = func(_ context.Context, _ Receiver, p parcel) error { by = p.Channel; return nil }
	if err := c.hand(t.Context(), rules, parcel{Delivery: call.Delivery{Unit: "a", Channel: call.ByEmail}}); err != nil || by != call.ByWebhook {
		t.Errorf("told by %s, %v", by, err)
	}
	if err := c.hand(t.Context(), rules, parcel{Delivery: call.Delivery{Unit: "gone", Channel: call.ByEmail}}); class(err) != "gone" {
		t.Errorf("a unit that is no more: %v", err)
	}
}
