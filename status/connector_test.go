package status

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/call"
)

// A system is an outside system that can be told what to be.
type system struct {
	asked atomic.Int32
	code  atomic.Int32 // 0: away
	body  atomic.Pointer[string]
}

func (r *system) is(code int, body string) {
	r.code.Store(int32(code))
	r.body.Store(&body)
}

func (r *system) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.asked.Add(1)
	says(int(r.code.Load()), *r.body.Load())(w, q)
}

func newSystem() *system {
	r := &system{}
	r.is(200, granted)
	return r
}

// sent demands how many questions have gone out since it was asked last.
func (r *system) sent(t *testing.T, want int) {
	t.Helper()
	if n := int(r.asked.Swap(0)); n != want {
		t.Fatalf("%d questions went out, want %d", n, want)
	}
}

// Five failures in a row, thirty seconds of rest, a probe, and twice the rest each time it fails.
func TestTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSystem()
		h := virtual(t, options(""), r.ServeHTTP)
		open := func(want float64) {
			t.Helper()
			if got := testutil.ToFloat64(h.metrics.resting); got != want {
				t.Fatalf("hotline_status_resting is %v, want %v", got, want)
			}
		}
		away := func() { t.Helper(); h.want(known1234, "", call.ErrStatusAway) }
		h.Connector.outside.o.Cache = 0

		r.is(500, "")
		for range restAfter - 1 {
			away()
		}
		r.is(404, "") // an answer like any other
		h.want(known1234, "", call.ErrNoApplication)
		r.is(500, "")
		for range restAfter - 1 {
			away()
		}
		open(0)
		r.sent(t, 2*restAfter-1)
		away()
		open(1)
		r.sent(t, 1)

		for _, rest := range []time.Duration{30, 60, 120, 240, 300, 300} {
			time.Sleep(rest*time.Second - time.Millisecond)
			away()
			r.sent(t, 0)
			time.Sleep(time.Millisecond)
			away()
			away() // one probe, not two
			r.sent(t, 1)
		}
		time.Sleep(5 * time.Minute)
		r.is(200, granted)
		h.want(known1234, call.StandingGranted, nil)
		open(0)
		r.sent(t, 1)

		r.is(500, "") // and the next rest is a short one again
		for range restAfter {
			away()
		}
		r.sent(t, restAfter)
		time.Sleep(30 * time.Second)
		r.is(200, granted)
		h.want(known1234, call.StandingGranted, nil)
	})
}

// While a probe is on its way nobody else asks; one whose caller hangs up does not end the rest and
// does not begin another.
func TestProbeWhoseCallerHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int32
		slow := atomic.Bool{}
		h := virtual(t, options(""), func(w http.ResponseWriter, r *http.Request) {
			sent.Add(1)
			if slow.Load() {
				<-r.Context().Done()
			}
			w.WriteHeader(500)
		})
		for range restAfter {
			h.want(known1234, "", call.ErrStatusAway)
		}
		time.Sleep(restFirst)
		slow.Store(true)
		ctx, hangUp := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := h.Ask(ctx, known1234); done <- err }()
		synctest.Wait()
		h.want(known1234, "", call.ErrStatusAway)
		if n := sent.Load(); n != restAfter+1 {
			t.Errorf("%d were sent", n)
		}
		hangUp()
		if err := <-done; !errors.Is(err, call.ErrStatusAway) {
			t.Error(err)
		}
		slow.Store(false)
		h.want(known1234, "", call.ErrStatusAway)
		if n := sent.Load(); n != restAfter+2 {
			t.Errorf("%d were sent", n)
		}
	})
}

// An old answer is told, with when it was learnt, for that very question and as long as it may be.
func TestOldAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSystem()
		h := virtual(t, options(""), r.ServeHTTP)
		learnt := time.Now()
		h.want(known1234, call.StandingGranted, nil)
		r.is(500, "")
		time.Sleep(23 * time.Hour)
		s := h.want(known1234, call.StandingGranted, nil)
		if !s.Known.Equal(learnt) || s.Due.IsZero() {
			t.Errorf("%+v, want known %v", s, learnt)
		}
		for range 2 * restAfter { // also while it rests
			h.want(known1234, call.StandingGranted, nil)
		}
		other := known1234
		other.Born = "10051988"
		h.want(other, "", call.ErrStatusAway)
		time.Sleep(time.Hour)
		h.want(known1234, call.StandingGranted, nil)
		time.Sleep(time.Nanosecond)
		h.want(known1234, "", call.ErrStatusAway)
		if n := len(h.answers.rows); n != 0 {
			t.Errorf("%d answers are kept that nobody may hear", n)
		}
	})
}

func TestAnswersThatAreNotToldAgain(t *testing.T) {
	for name, c := range map[string]struct {
		cache time.Duration
		then  func(r *system, h *house)
	}{
		"none are kept": {0, func(r *system, h *house) {}},
		"there is no such application any more": {time.Hour, func(r *system, h *house) {
			r.is(404, "")
			h.want(known1234, "", call.ErrNoApplication)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newSystem()
			server := httptest.NewServer(r)
			defer server.Close()
			o := options(server.URL)
			o.Cache = c.cache
			h := open(t, o)
			h.want(known1234, call.StandingGranted, nil)
			c.then(r, h)
			r.is(500, "")
			h.want(known1234, "", call.ErrStatusAway)
		})
	}
}

// Ten a day from a number, whatever comes of them; another day at midnight of the body's own zone.
func TestTheDailyLimit(t *testing.T) {
	r := newSystem()
	server := httptest.NewServer(r)
	defer server.Close()
	baku := time.FixedZone("Baku", 4*3600)
	now := time.Date(2026, 11, 25, 23, 59, 0, 0, baku)
	o := options(server.URL)
	o.Daily, o.Zone, o.Now = 10, baku, func() time.Time { return now }
	h := open(t, o)
	impossible := known1234
	impossible.Born = "32131988"
	for range 5 {
		h.want(known1234, call.StandingGranted, nil)
		h.want(impossible, "", call.ErrNoApplication)
	}
	h.want(known1234, "", call.ErrStatusTries)
	r.sent(t, 5)
	neighbour := known1234
	neighbour.From = "+994125550101"
	h.want(neighbour, call.StandingGranted, nil)

	// Who has no number shares one account with the others who have none.
	hidden := []call.StatusQuestion{known1234, known1234, known1234, known1234}
	hidden[0].Hidden, hidden[1].From, hidden[2].From = true, "", "anonymous"
	hidden[3].From, hidden[3].Hidden = "+994125550102", true
	for i := range hiddenShare * 10 {
		h.want(hidden[i%4], call.StandingGranted, nil)
	}
	for _, q := range hidden {
		h.want(q, "", call.ErrStatusTries)
	}
	h.want(neighbour, call.StandingGranted, nil)
	if h.counted(resultLimited) != 5 {
		t.Errorf("counted %d", h.counted(resultLimited))
	}
	now = now.Add(time.Minute)
	h.want(known1234, call.StandingGranted, nil)
	h.want(hidden[0], call.StandingGranted, nil)
}

// Dates of birth are not tried out from ever new numbers; that an application exists is not learnt
// from it either.
func TestDatesAreNotTriedOut(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if number, born := asked(t, r); number == "1234" && born == "1988-05-09" {
			says(200, granted)(w, r)
			return
		}
		w.WriteHeader(404)
	}))
	defer server.Close()
	o := options(server.URL)
	o.Daily = 10
	h := open(t, o)
	for _, number := range []string{"1234", "9999"} {
		for i := range wrongShare * 10 {
			h.want(call.StatusQuestion{Number: number, Born: fmt.Sprintf("%02d011990", 1+i), From: call.Number(fmt.Sprintf("0125550%03d", i))}, "", call.ErrNoApplication)
		}
		h.want(call.StatusQuestion{Number: number, Born: "09051988", From: "0125550999"}, "", call.ErrStatusTries)
	}
}

func TestQuestionsThatAreNotSent(t *testing.T) {
	r := newSystem()
	server := httptest.NewServer(r)
	defer server.Close()
	h := open(t, options(server.URL))
	tomorrow := time.Now().Add(48 * time.Hour).Format("02012006")
	for name, q := range map[string]call.StatusQuestion{
		"day 32":                {Number: "1234", Born: "32131988"},
		"29 February 1987":      {Number: "1234", Born: "29021987"},
		"day 0":                 {Number: "1234", Born: "00011988"},
		"not born yet":          {Number: "1234", Born: tomorrow},
		"older than anybody is": {Number: "1234", Born: "01011888"},
		"seven digits":          {Number: "1234", Born: "9051988"},
		"nine digits":           {Number: "1234", Born: "090519880"},
		"no date":               {Number: "1234"},
		"no number":             {Born: "09051988"},
		"a number of 33 digits": {Number: strings.Repeat("1", 33), Born: "09051988"},
		"a star in it":          {Number: "12*4", Born: "09051988"},
		"a quote in it":         {Number: `12"4`, Born: "09051988"},
	} {
		t.Run(name, func(t *testing.T) {
			h.want(q, "", call.ErrNoApplication)
			r.sent(t, 0)
		})
	}
	leap := known1234
	leap.Born = "29021988"
	h.want(leap, call.StandingGranted, nil)
}

func TestOurOwnCasesAreAnsweredFirst(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, c := range map[string]struct {
		s       call.Standing
		mine    bool
		err     error
		outside int // what the outside system says; 0: there is none
		state   call.StandingState
		want    error
		result  string
	}{
		"one of ours":                      {call.Standing{State: "forwarded"}, true, nil, 200, "forwarded", nil, resultOwn},
		"ours, and another's date":         {call.Standing{}, true, call.ErrNoApplication, 200, "", call.ErrNoApplication, resultNotFound},
		"ours, but it cannot be read":      {call.Standing{}, true, broken, 200, "", call.ErrStatusAway, resultAway},
		"ours, in a state nobody may hear": {call.Standing{State: "lost"}, true, nil, 200, "", call.ErrStatusAway, resultAway},
		"not ours":                         {call.Standing{}, false, nil, 200, "granted", nil, resultFound},
		"not ours, said as an error":       {call.Standing{}, false, call.ErrNoApplication, 200, "granted", nil, resultFound},
		"nobody's":                         {call.Standing{}, false, nil, 404, "", call.ErrNoApplication, resultNotFound},
		"perhaps ours, and found outside":  {call.Standing{}, false, broken, 200, "granted", nil, resultFound},
		"perhaps ours, not found outside":  {call.Standing{}, false, broken, 404, "", call.ErrStatusAway, resultAway},
		"no outside, not ours":             {call.Standing{}, false, nil, 0, "", call.ErrNoApplication, resultNotFound},
		"no outside, ours":                 {call.Standing{State: "answered"}, true, nil, 0, "answered", nil, resultOwn},
		"no outside, perhaps ours":         {call.Standing{}, false, broken, 0, "", call.ErrStatusAway, resultAway},
	} {
		t.Run(name, func(t *testing.T) {
			r := newSystem()
			server := httptest.NewServer(r)
			defer server.Close()
			o := options(server.URL)
			if c.outside == 0 {
				o = Options{Daily: 10}
			} else {
				r.is(c.outside, granted)
			}
			o.Own = func(_ context.Context, q call.StatusQuestion) (call.Standing, bool, error) {
				if q != known1234 {
					t.Errorf("asked for %#v", q)
				}
				return c.s, c.mine, c.err
			}
			h := open(t, o)
			h.want(known1234, c.state, c.want)
			if h.counted(c.result) != 1 {
				t.Errorf("not counted as %s", c.result)
			}
			if c.mine {
				r.sent(t, 0)
			}
		})
	}
}

// With neither a system nor cases there is nobody who could know.
func TestNobodyToAsk(t *testing.T) {
	h := open(t, Options{Daily: 10})
	h.want(known1234, "", call.ErrStatusAway)
	h.Close()
}

// Memory does not grow with callers, and what was asked last is what is kept.
func TestMemoryIsBounded(t *testing.T) {
	a, c := &answers{table: newTable[call.Standing]()}, &tally{}
	s := newSeal()
	key := func(i int) sum { return s.of("x", fmt.Sprint(i)) }
	for i := range mostKept + 1000 {
		a.learn(key(i), call.Standing{State: call.StandingReady}, time.Now())
		if !c.count(key(i), 2, "today") || !c.count(key(0), 1_000_000, "today") {
			t.Fatal("limited too early")
		}
	}
	if len(a.rows) != mostKept || a.order.Len() != mostKept || len(c.rows) != mostKept || c.order.Len() != mostKept {
		t.Errorf("%d and %d are kept", len(a.rows), len(c.rows))
	}
	if _, ok := a.recall(key(0), time.Hour, time.Now()); ok {
		t.Error("the oldest answer is there")
	}
	if _, ok := a.recall(key(mostKept+999), time.Hour, time.Now()); !ok {
		t.Error("the newest answer is not there")
	}
	if n, _ := c.get(key(0)); n != mostKept+1001 {
		t.Errorf("the caller who asks all the time is counted %d times", n)
	}
}

// Everything at once, for the race detector: callers, failures, files looked at.
func TestManyCallers(t *testing.T) {
	r := newSystem()
	server := httptest.NewServer(r)
	defer server.Close()
	h := open(t, options(server.URL))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 30 {
				_, err := h.Ask(t.Context(), call.StatusQuestion{Number: fmt.Sprint(j), Born: "09051988", From: call.Number(fmt.Sprint("01255501", i))})
				if err != nil && !errors.Is(err, call.ErrStatusAway) && !errors.Is(err, call.ErrNoApplication) {
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		for i := range 200 {
			r.is([]int{200, 500, 404}[i%3], granted)
			h.outside.get(time.Now())
		}
	})
	all.Wait()
	h.tellsNobody(server.URL)
}

// Each fault stands under its key and says what would be right.
func TestCheck(t *testing.T) {
	a := newAuthority(t, "ours")
	cert, key := a.issue("hotline", time.Now().Add(time.Hour))
	old, oldKey := a.issue("old", time.Now().Add(-time.Hour))
	const url = "https://register.example/status"
	for name, c := range map[string]struct {
		change func(*Options)
		want   []string // key, and a part of what is said
	}{
		"good":                          {func(o *Options) { o.CA, o.Certificate, o.Key, o.Token = a.ca(), cert, key, "abc.DEF-1_2~3+4/5==" }, nil},
		"none at all":                   {func(o *Options) { *o = Options{Daily: 10} }, nil},
		"plain on this machine":         {func(o *Options) { o.URL = "http://127.0.0.9:80/" }, nil},
		"plain on this machine, v6":     {func(o *Options) { o.URL = "http://[::1]:80/" }, nil},
		"plain on localhost":            {func(o *Options) { o.URL = "http://localhost/" }, nil},
		"plain over the network":        {func(o *Options) { o.URL = "http://192.0.2.1/" }, []string{"status.url", "https://"}},
		"plain to a name like ours":     {func(o *Options) { o.URL = "http://localhost.example/" }, []string{"status.url", "https://"}},
		"plain with an authority":       {func(o *Options) { o.URL, o.CA = "http://127.0.0.1/", a.ca() }, []string{"status.url", "status.ca"}},
		"no scheme":                     {func(o *Options) { o.URL = "register.example/status" }, []string{"status.url", "whole address"}},
		"another protocol":              {func(o *Options) { o.URL = "ftp://register.example/" }, []string{"status.url", "ftp is not spoken"}},
		"only a port":                   {func(o *Options) { o.URL = "https://:443/" }, []string{"status.url", "no address"}},
		"no address":                    {func(o *Options) { o.URL = "https://a b/" }, []string{"status.url", "no address"}},
		"a password in it":              {func(o *Options) { o.URL = "https://me:hush@register.example/" }, []string{"status.url", "status.token"}},
		"a fragment":                    {func(o *Options) { o.URL = url + "#x" }, []string{"status.url", "#"}},
		"a token of two lines":          {func(o *Options) { o.Token = "hush\nX: y" }, []string{"status.token", "letters"}},
		"no time":                       {func(o *Options) { o.Timeout = 0 }, []string{"status.timeout", "3s"}},
		"too much time":                 {func(o *Options) { o.Timeout = time.Minute }, []string{"status.timeout", "30s"}},
		"answers of last year":          {func(o *Options) { o.Cache = 9000 * time.Hour }, []string{"status.cache", "720h"}},
		"answers of tomorrow":           {func(o *Options) { o.Cache = -1 }, []string{"status.cache", "720h"}},
		"nobody may ask":                {func(o *Options) { o.Daily = 0 }, []string{"status.daily", "10 is"}},
		"a certificate without its key": {func(o *Options) { o.Certificate = cert }, []string{"status.certificate", "name both"}},
		"a key that fits another":       {func(o *Options) { o.Certificate, o.Key = cert, oldKey }, []string{"status.certificate", "belongs to it"}},
		"a certificate that has ended":  {func(o *Options) { o.Certificate, o.Key = old, oldKey }, []string{"status.certificate", "ended on"}},
		"no such file":                  {func(o *Options) { o.CA = filepath.Join(a.dir, "none.pem") }, []string{"status.ca", "no such file"}},
		"a key for an authority":        {func(o *Options) { o.CA = key }, []string{"status.ca", "holds no certificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(url)
			c.change(&o)
			faults := o.Check()
			if len(c.want) == 0 {
				if len(faults) > 0 {
					t.Errorf("%v", faults)
				}
				return
			}
			if len(faults) != 1 || faults[0].Key != c.want[0] || !strings.Contains(faults[0].Error(), c.want[1]) || faults[0].Want == "" {
				t.Errorf("%v, want %v", faults, c.want)
			}
			if strings.Contains(fmt.Sprint(faults), "hush") {
				t.Error("a secret is told")
			}
		})
	}
}

// All series are there from the start, and lint as Prometheus wants them.
func TestMetricsAreThere(t *testing.T) {
	h := open(t, Options{Daily: 10})
	if n := testutil.CollectAndCount(h.metrics.questions); n != 7 {
		t.Errorf("%d results", n)
	}
	if problems, err := testutil.CollectAndLint(h.metrics.questions); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	for _, o := range []Options{{Daily: 0}, {Daily: 10, URL: "nowhere", Timeout: time.Second}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
