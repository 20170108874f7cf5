package status

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
)

var today = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// A clock stands still until it is moved.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time       { return today.Add(time.Duration(c.at.Load())) }
func (c *clock) move(d time.Duration) { c.at.Add(int64(d)) }

func connector(t *testing.T, c *clock, change ...func(*Options)) *Connector {
	t.Helper()
	o := Options{
		Timeout: 300 * time.Millisecond, Cache: 24 * time.Hour, Daily: 1000, Zone: time.UTC, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: c.now,
	}
	for _, f := range change {
		f(&o)
	}
	k, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func to(url string) func(*Options) { return func(o *Options) { o.URL = url } }

var mine = call.StatusQuestion{Number: "1001", Born: "01021990", From: "+000123456789"}

// A system answers with what it is given.
func system(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body) // or the server would not see that we have gone
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func says(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		fmt.Fprint(w, body)
	}
}

func TestAnAnswerIsUnderstood(t *testing.T) {
	var got map[string]string
	var token string
	url := system(t, func(w http.ResponseWriter, r *http.Request) {
		token = r.Header.Get("Authorization")
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		says("application/json; charset=utf-8", `{"status":"inProgress","changed":"2026-11-20","due":"2026-12-11","name":"Somebody"}`)(w, r)
	})
	k := connector(t, &clock{}, to(url), func(o *Options) { o.Token = "secret" })
	s, err := k.Ask(t.Context(), mine)
	want := call.Standing{State: call.StandingInProgress, Changed: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), Due: time.Date(2026, 12, 11, 0, 0, 0, 0, time.UTC)}
	if err != nil || s != want {
		t.Errorf("%+v, %v", s, err)
	}
	if len(got) != 2 || got["number"] != "1001" || got["born"] != "1990-02-01" || token != "Bearer secret" {
		t.Errorf("asked with %v, %q", got, token)
	}
}

// Slow, dead, wrong and rude: the caller hears that it is away, in time, and the log holds nothing of it.
func TestSystemsThatAreNotWell(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	const ok = "application/json"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		err    error
	}{
		"slow": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, call.ErrStatusAway},
		"slow in the middle": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "{")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, call.ErrStatusAway},
		"dead":                    {nil, call.ErrStatusAway},
		"500":                     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, call.ErrStatusAway},
		"401":                     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, call.ErrStatusAway},
		"204":                     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, call.ErrStatusAway},
		"a page":                  {says("text/html", `{"status":"ready"}`), call.ErrStatusAway},
		"no JSON":                 {says(ok, `ready`), call.ErrStatusAway},
		"a list":                  {says(ok, `[]`), call.ErrStatusAway},
		"nothing":                 {says(ok, ``), call.ErrStatusAway},
		"no status":               {says(ok, `{}`), call.ErrStatusAway},
		"an unknown status":       {says(ok, `{"status":"Somebody Somebody"}`), call.ErrStatusAway},
		"no date":                 {says(ok, `{"status":"ready","changed":"yesterday"}`), call.ErrStatusAway},
		"a date of another sort":  {says(ok, `{"status":"ready","due":"12/11/2026"}`), call.ErrStatusAway},
		"too long":                {says(ok, `{"status":"ready","x":"`+strings.Repeat("x", mostBody)+`"}`), call.ErrStatusAway},
		"closes":                  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, call.ErrStatusAway},
		"sends elsewhere":         {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", 302) }, call.ErrStatusAway},
		"not found":               {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, call.ErrNoApplication},
		"well, with a name in it": {says(ok, `{"status":"ready","name":"Somebody"}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			url := "http://" + dead.Addr().String()
			if c.answer != nil {
				url = system(t, c.answer)
			}
			core, logged := observer.New(zap.DebugLevel)
			k := connector(t, &clock{}, to(url), func(o *Options) { o.Log = zap.New(core) })
			began := time.Now()
			if _, err := k.Ask(t.Context(), mine); !errors.Is(err, c.err) {
				t.Errorf("%v, want %v", err, c.err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			for _, e := range logged.All() {
				line := fmt.Sprint(e.Message, e.ContextMap())
				for _, secret := range []string{"1001", "1990", "0102", "Somebody", "123456789"} {
					if strings.Contains(line, secret) {
						t.Errorf("the log holds %s: %s", secret, line)
					}
				}
			}
		})
	}
}

func TestWhatWasAnsweredLatelyStandsIn(t *testing.T) {
	var away atomic.Bool
	url := system(t, func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			w.WriteHeader(503)
			return
		}
		says("application/json", `{"status":"ready"}`)(w, r)
	})
	c := &clock{}
	k := connector(t, c, to(url))
	if s, err := k.Ask(t.Context(), mine); err != nil || !s.Known.IsZero() {
		t.Fatalf("%+v, %v", s, err)
	}
	away.Store(true)
	c.move(23 * time.Hour)
	if s, err := k.Ask(t.Context(), mine); err != nil || s.State != call.StandingReady || !s.Known.Equal(today) {
		t.Errorf("%+v, %v", s, err)
	}
	other := mine
	other.Born = "02021990"
	if _, err := k.Ask(t.Context(), other); !errors.Is(err, call.ErrStatusAway) {
		t.Errorf("another date of birth is answered from what was told to the right one: %v", err)
	}
	c.move(2 * time.Hour)
	if s, err := k.Ask(t.Context(), mine); !errors.Is(err, call.ErrStatusAway) {
		t.Errorf("too old, and still told: %+v, %v", s, err)
	}
}

func TestTheDailyLimit(t *testing.T) {
	var asked atomic.Int32
	url := system(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		says("application/json", `{"status":"ready"}`)(w, r)
	})
	c := &clock{}
	k := connector(t, c, to(url), func(o *Options) { o.Daily = 3 })
	ask := func(q call.StatusQuestion) error { _, err := k.Ask(t.Context(), q); return err }
	hidden := call.StatusQuestion{Number: "1001", Born: "01021990", From: "+1", Hidden: true}
	for i := range 5 {
		if err := ask(mine); (err != nil) != (i >= 3) || i >= 3 && !errors.Is(err, call.ErrStatusTries) {
			t.Errorf("question %d: %v", i+1, err)
		}
	}
	other := mine
	other.From = "+000987654321"
	if err := ask(other); err != nil {
		t.Errorf("another number: %v", err)
	}
	for i := range 4 {
		hidden.From = call.Number(fmt.Sprint("+", i)) // whatever is hidden counts together
		if err := ask(hidden); (err != nil) != (i >= 3) {
			t.Errorf("hidden, question %d: %v", i+1, err)
		}
	}
	if n := asked.Load(); n != 7 {
		t.Errorf("the system was asked %d times", n)
	}
	c.move(12*time.Hour - time.Nanosecond)
	if err := ask(mine); !errors.Is(err, call.ErrStatusTries) {
		t.Errorf("before midnight: %v", err)
	}
	c.move(time.Nanosecond)
	if err := ask(mine); err != nil {
		t.Errorf("after midnight: %v", err)
	}
}

func TestImpossibleBirthsAskNobody(t *testing.T) {
	url := system(t, func(http.ResponseWriter, *http.Request) { t.Error("the system was asked") })
	k := connector(t, &clock{}, to(url))
	for _, born := range []string{"", "1", "32131990", "30021990", "01012090", "01011800", "0102199", "abcdefgh", "010219900"} {
		if _, err := k.Ask(t.Context(), call.StatusQuestion{Number: "1001", Born: born, From: "+1"}); !errors.Is(err, call.ErrNoApplication) {
			t.Errorf("%q: %v", born, err)
		}
	}
}

func TestOurOwnCasesAreAnsweredFirst(t *testing.T) {
	url := system(t, func(http.ResponseWriter, *http.Request) { t.Error("the system was asked") })
	for _, c := range []struct {
		s   call.Standing
		err error
	}{{call.Standing{State: call.StandingRegistered}, nil}, {call.Standing{}, call.ErrNoApplication}, {call.Standing{}, call.ErrStatusAway}} {
		k := connector(t, &clock{}, to(url), func(o *Options) {
			o.Own = func(context.Context, call.StatusQuestion) (call.Standing, bool, error) { return c.s, true, c.err }
		})
		if s, err := k.Ask(t.Context(), mine); s != c.s || !errors.Is(err, c.err) {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

// The breaker leaves a system alone that has failed, lets one question through after the rest, and counts
// nothing against it that callers did by hanging up.
func TestTheBreaker(t *testing.T) {
	c := &clock{}
	var asked atomic.Int32
	var well atomic.Bool
	url := system(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if !well.Load() {
			w.WriteHeader(500)
			return
		}
		says("application/json", `{"status":"ready"}`)(w, r)
	})
	registry := prometheus.NewRegistry()
	k := connector(t, c, to(url), func(o *Options) { o.Metrics = registry })
	ask := func(times int) {
		for range times {
			_, _ = k.Ask(t.Context(), mine)
		}
	}
	ask(20)
	if n := asked.Load(); n != tolerated {
		t.Errorf("asked %d times before the rest", n)
	}
	if testutil.ToFloat64(k.metrics.open) != 1 {
		t.Error("the metric does not tell the rest")
	}
	for i, rest := range []time.Duration{firstRest, 2 * firstRest, 4 * firstRest, 8 * firstRest, lastRest, lastRest} {
		c.move(rest - time.Nanosecond)
		ask(3)
		if n := int(asked.Load()); n != tolerated+i {
			t.Fatalf("rest %d: asked %d times", i, n)
		}
		c.move(time.Nanosecond)
		ask(3)
		if n := int(asked.Load()); n != tolerated+i+1 {
			t.Fatalf("after rest %d: asked %d times", i, n)
		}
	}
	well.Store(true)
	c.move(lastRest)
	if _, err := k.Ask(t.Context(), mine); err != nil {
		t.Errorf("well again: %v", err)
	}
	ask(5)
	if n := int(asked.Load()); n != tolerated+6+1+5 || testutil.ToFloat64(k.metrics.open) != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestCallersWhoHangUpAreNobodysFailure(t *testing.T) {
	url := system(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	k := connector(t, &clock{}, to(url), func(o *Options) { o.Timeout = time.Minute })
	for range 3 * tolerated {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		_, _ = k.Ask(ctx, mine)
		cancel()
	}
	if k.breaker.row != 0 {
		t.Errorf("%d failures are counted", k.breaker.row)
	}
}

// A slow system does not pile up callers: one more than there are places is told at once.
func TestOnlySoManyAtOnce(t *testing.T) {
	under := make(chan struct{}, mostAtOnce)
	release := make(chan struct{})
	url := system(t, func(w http.ResponseWriter, r *http.Request) {
		under <- struct{}{}
		<-release
		says("application/json", `{"status":"ready"}`)(w, r)
	})
	k := connector(t, &clock{}, to(url), func(o *Options) { o.Timeout = time.Minute })
	var wg sync.WaitGroup
	for range mostAtOnce {
		wg.Go(func() {
			if _, err := k.Ask(t.Context(), mine); err != nil {
				t.Error(err)
			}
		})
	}
	for range mostAtOnce {
		<-under
	}
	if _, err := k.Ask(t.Context(), mine); !errors.Is(err, call.ErrStatusAway) {
		t.Errorf("one more: %v", err)
	}
	close(release)
	wg.Wait()
}

func TestCertificatesAreChecked(t *testing.T) {
	s := httptest.NewUnstartedServer(says("application/json", `{"status":"ready"}`))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", "CERTIFICATE", s.Certificate().Raw)
	cert, key := ownCertificate(t, write)
	for name, c := range map[string]struct {
		change func(*Options)
		well   bool
	}{
		"its authority and our certificate": {func(o *Options) { o.CA, o.Certificate, o.Key = ca, cert, key }, true},
		"no certificate of ours":            {func(o *Options) { o.CA = ca }, false},
		"an authority we do not know":       {func(o *Options) { o.Certificate, o.Key = cert, key }, false},
	} {
		k := connector(t, &clock{}, to(s.URL), c.change, func(o *Options) { o.Timeout = 5 * time.Second })
		if _, err := k.Ask(t.Context(), mine); (err == nil) != c.well {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, o := range []Options{{CA: "/nowhere"}, {Certificate: "/nowhere"}, {CA: key}} {
		o.Log, o.Metrics = zap.NewNop(), prometheus.NewRegistry()
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestTablesAreBounded(t *testing.T) {
	var c cache
	var d days
	for i := range 2 * mostKept {
		c.put(fmt.Sprint(i), call.Standing{}, today)
		d.admit(fmt.Sprint(i), today, 1)
	}
	if len(c.by) != mostKept || c.order.Len() != mostKept || len(d.by) != mostKept {
		t.Errorf("%d and %d and %d are kept", len(c.by), c.order.Len(), len(d.by))
	}
	if _, _, ok := c.get("0"); ok {
		t.Error("the oldest stays")
	}
}

// The breaker in a bubble: it is a matter of times alone.
func TestABreakerProbesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		for range tolerated {
			b.admit(time.Now())
			b.failed(time.Now())
		}
		time.Sleep(firstRest)
		if !b.admit(time.Now()) || b.admit(time.Now()) {
			t.Error("not exactly one question goes out after the rest")
		}
		b.leave()
		if !b.admit(time.Now()) {
			t.Error("a question that told nothing uses up the probe")
		}
	})
}

// Whatever a system answers, what is told is of the closed list.
func FuzzUnderstand(f *testing.F) {
	for _, s := range []string{`{"status":"ready"}`, `{"status":"x"}`, `[]`, `{"status":"ready","due":"2026-02-30"}`, `{"STATUS":"ready"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := understand(text, time.UTC)
		if err == nil && !slices.Contains(call.StandingStates, s.State) {
			t.Errorf("%q is told as %q", text, s.State)
		}
		if err != nil && s != (call.Standing{}) {
			t.Errorf("%q: %v, and yet %+v", text, err, s)
		}
	})
}
