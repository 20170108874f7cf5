package cases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
)

// A fate is what becomes of one try.
type fate int

const (
	arrives fate = iota
	fails        // before the receiver has it
	isLost       // the receiver has it, its answer is lost
	hangs
	dies   // the receiver has it, and we die before that is written down
	panics // before the receiver has it
	fates
)

// Whatever fails, hangs and dies in whatever order: each receiver sees each key, does it once because it
// knows the key, and sees it again only where it has to.
func TestEachLetterArrivesWhateverHappens(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for run := range uint64(12) {
		synctest.Test(t, func(t *testing.T) { anyOrder(t, rand.New(rand.NewPCG(seed, run))) })
	}
}

func anyOrder(t *testing.T, rnd *rand.Rand) {
	var (
		rows  = newOutbox()
		mu    sync.Mutex
		seen  = map[string]int{} // tries that reached the receiver, by way and key
		again = map[string]int{} // of these, those after which it had to be seen again
		die   context.CancelFunc
		bad   = 80 // so many tries go wrong, then all is well
	)
	way := func(ctx context.Context, to Receiver, l Letter, _ Case) error {
		mu.Lock()
		key := to.Name + " " + l.Way + " " + l.Key
		what := arrives
		if bad > 0 {
			bad--
			what = fate(rnd.IntN(int(fates)))
		}
		if what == arrives || what == isLost || what == dies {
			seen[key]++
		}
		if what == isLost || what == dies {
			again[key]++
		}
		kill := die
		mu.Unlock()
		switch what {
		case fails:
			return &Refused{451}
		case isLost:
			return io.ErrUnexpectedEOF
		case hangs:
			<-ctx.Done()
			return ctx.Err()
		case dies:
			rows.mu.Lock()
			rows.fail = errors.New("the process is dead")
			rows.mu.Unlock()
			kill()
		case panics:
			panic("a bug")
		}
		return nil
	}
	for i := range 8 {
		c := Case{ID: call.ID(fmt.Sprint("m", i)), Unit: []string{"a", "b"}[i%2], State: call.CaseRegistered, Forward: time.Now().Add(72 * time.Hour)}
		rows.put(c, time.Now(), []string{WayMail, WayWebhook}[:1+i%2]...)
	}

	want := len(rows.letters)
	for process := 0; len(rows.left()) > 0; process++ {
		if process > 300 {
			t.Fatalf("still to be told: %q", rows.left())
		}
		ctx, cancel := context.WithCancel(t.Context())
		mu.Lock()
		die = cancel
		mu.Unlock()
		rows.mu.Lock()
		rows.fail = nil
		rows.mu.Unlock()
		stop := time.AfterFunc(time.Duration(1+rnd.IntN(120))*time.Minute, cancel) // or it is stopped
		newCourier(t, rows, zap.NewNop(), way).Run(ctx)
		stop.Stop()
		cancel()
	}
	if len(seen) != want {
		t.Errorf("%d letters were seen, want %d", len(seen), want)
	}
	extra := 0
	for key, n := range seen {
		// Others on their way when the process dies may have arrived, too, without its being noted.
		extra += n - 1 - again[key]
	}
	if extra > 80 {
		t.Errorf("%d letters were seen again without need", extra)
	}
}

// One unit hangs with a long row of letters: the other has its own at once.
func TestAHangingUnitHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := newOutbox()
		began := time.Now()
		for i := range 300 {
			rows.put(Case{ID: call.ID(fmt.Sprintf("m%03d", i)), Unit: "a", State: call.CaseRegistered}, began.Add(-time.Hour), WayMail)
		}
		for i := range 60 {
			rows.put(Case{ID: call.ID(fmt.Sprintf("n%03d", i)), Unit: "b", State: call.CaseRegistered}, began, WayMail)
		}
		var mu sync.Mutex
		last, n := time.Duration(0), 0
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		newCourier(t, rows, zap.NewNop(), func(ctx context.Context, to Receiver, l Letter, _ Case) error {
			if to.Name == "a" {
				<-ctx.Done()
				return ctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			last, n = time.Since(began), n+1
			return nil
		}).Run(ctx)
		if n != 60 || last > time.Second {
			t.Errorf("%d of 60 letters to the other unit, the last after %s", n, last)
		}
		if i := slices.IndexFunc(rows.classes, func(c string) bool { return c != "slow" }); i >= 0 || len(rows.classes) == 0 {
			t.Errorf("classes %v", rows.classes)
		}
	})
}

// Nobody takes a case: it is tried all the time, and once the term for forwarding is over somebody is told
// each hour, and the gauge stays.
func TestACaseThatNobodyTakesIsAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows := newOutbox()
		log, entries := observer.New(zapcore.WarnLevel)
		forward := time.Now().Add(72 * time.Hour)
		rows.put(Case{ID: "m0", Number: "2026-000001", Unit: "a", From: "+994500001122", State: call.CaseRegistered, Forward: forward}, time.Now(), WayMail)
		rows.letters = slices.DeleteFunc(rows.letters, func(l *Letter) bool { return l.Kind != "forward" })
		tries := 0
		c := newCourier(t, rows, zap.New(log), func(context.Context, Receiver, Letter, Case) error {
			tries++
			return errors.New("550 no such user a@example.org")
		})
		for _, at := range []time.Duration{73 * time.Hour, 73*time.Hour + 30*time.Minute, 82 * time.Hour} {
			ctx, cancel := context.WithDeadline(t.Context(), forward.Add(at-72*time.Hour))
			c.Run(ctx)
			cancel()
			if got := testutil.ToFloat64(c.late); got != 1 {
				t.Errorf("after %s the gauge is %v", at, got)
			}
		}
		if n := entries.FilterLevelExact(zapcore.ErrorLevel).Len(); n < 9 || n > 11 {
			t.Errorf("%d alarms in ten hours", n)
		}
		if n := entries.FilterLevelExact(zapcore.WarnLevel).Len(); n != 1 {
			t.Errorf("%d warnings", n)
		}
		for _, e := range entries.All() {
			if text := fmt.Sprint(e.ContextMap()); strings.Contains(text, "1122") || strings.Contains(text, "example.org") {
				t.Errorf("the log names somebody: %s", text)
			}
		}
		if tries < 82 || tries > 100 {
			t.Errorf("%d tries in 82 hours", tries)
		}
		if got := testutil.ToFloat64(c.failed.WithLabelValues(WayMail)); got != float64(tries) {
			t.Errorf("%v failures counted, %d made", got, tries)
		}
	})
}

// Nobody is reminded of what was answered meanwhile, or is with another unit.
func TestWhatHasChangedIsNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		of   Case
		kind string
		want bool // it is told
	}{
		"answered":                       {Case{Unit: "a", State: call.CaseAnswered}, "50", false},
		"closed":                         {Case{Unit: "a", State: call.CaseClosed}, "100", false},
		"with another unit":              {Case{Unit: "b", State: call.CaseRegistered}, "50", false},
		"as it was":                      {Case{Unit: "a", State: call.CaseAssigned}, "50", true},
		"the case itself, also answered": {Case{Unit: "a", State: call.CaseAnswered}, "forward", true},
	} {
		rows, told := newOutbox(), false
		rows.cases["m0"] = c.of
		courier := newCourier(t, rows, zap.NewNop(), func(context.Context, Receiver, Letter, Case) error { told = true; return nil })
		courier.send(t.Context(), Letter{Key: "m0/" + c.kind, Case: "m0", To: "a", Kind: c.kind, Way: WayMail})
		if told != c.want {
			t.Errorf("%s: told %v", name, told)
		}
	}
}

// A unit is told where it is now.
func TestAUnitThatHasChangedItsWay(t *testing.T) {
	by := ""
	way := func(name string) carrying {
		return func(context.Context, Receiver, Letter, Case) error { by = name; return nil }
	}
	for name, c := range map[string]struct {
		to   map[string]Receiver
		way  string
		want string // empty: nobody
	}{
		"as it was":              {map[string]Receiver{"a": {Email: "x", Webhook: "y"}}, WayMail, WayMail},
		"from mail to a webhook": {map[string]Receiver{"a": {Webhook: "y"}}, WayMail, WayWebhook},
		"from a webhook to mail": {map[string]Receiver{"a": {Email: "x"}}, WayWebhook, WayMail},
		"it is no more":          {map[string]Receiver{}, WayMail, ""},
	} {
		by = ""
		courier := newCourier(t, newOutbox(), zap.NewNop(), nil)
		courier.o.Ways = map[string]Carrier{WayMail: way(WayMail), WayWebhook: way(WayWebhook)}
		courier.o.Receivers = func() map[string]Receiver { return c.to }
		err := courier.carry(t.Context(), Letter{To: "a", Way: c.way}, Case{})
		if by != c.want || (c.want == "") != (class(err) == "nobody") && err != nil {
			t.Errorf("%s: by %q, %v", name, by, err)
		}
	}
}

func TestPausesGrowToAnHour(t *testing.T) {
	var got []string
	for tries := range 9 {
		got = append(got, fmt.Sprint(wait(tries)))
	}
	if want := []string{"1m0s", "2m0s", "4m0s", "8m0s", "16m0s", "32m0s", "1h0m0s", "1h0m0s", "1h0m0s"}; !slices.Equal(got, want) {
		t.Errorf("pauses %v", got)
	}
}
