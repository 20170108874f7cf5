package app

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/configs"
	"hotline/phone"
	"hotline/prompts"
	"hotline/store"
)

// A witness notes what the line really had each caller sent, by the number that calls.
type witness struct {
	mu    sync.Mutex
	plays map[string][]string // "clip/language", "music" or "silence"
	asked map[string]bool     // the first question has been heard whole
}

func (w *witness) around(l call.Leg) call.Leg { return witnessed{l, w} }

func (w *witness) note(from, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.plays[from] = append(w.plays[from], what)
}

func (w *witness) heard(from string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.plays[from])
}

func (w *witness) wasAsked(from string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[from]
}

type witnessed struct {
	call.Leg
	w *witness
}

func (l witnessed) Audio() call.Audio {
	return witnessedAudio{l.Leg.Audio(), l.w, l.Info().From.Raw()}
}

type witnessedAudio struct {
	call.Audio
	w    *witness
	from string
}

func (a witnessedAudio) Play(ctx context.Context, clips ...*call.Clip) call.Played {
	for _, c := range clips {
		a.w.note(a.from, c.Key+"/"+string(c.Language))
	}
	p := a.Audio.Play(ctx, clips...)
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	a.w.asked[a.from] = true
	return p
}

func (a witnessedAudio) Loop(c *call.Clip) {
	what := "silence"
	if c != nil {
		what = c.Key
	}
	a.w.note(a.from, what)
	a.Audio.Loop(c)
}

// inBoth are clips in the two languages of this test.
func inBoth(keys ...string) (out []string) {
	for _, lang := range []string{"az", "en"} {
		for _, k := range keys {
			out = append(out, k+"/"+lang)
		}
	}
	return out
}

// hoursFile is a configuration of a line with hours: two languages, to be short.
const hoursFile = `languages: [az, en]
calendars:
  office:
    week: {mon-fri: "09:00-18:00"}
    holidays: az
    movable:
      2026: {novruz: 2026-03-20 to 2026-03-24, ramazan: 2026-03-20 to 2026-03-21, qurban: 2026-05-27 to 2026-05-28}
    dates:
      2026-12-05: "09:00-14:00"
      2026-12-07: {hours: closed, clip: own.flood}
      2026-12-08: "09:00-13:00,14:00-18:00"
`

// Callers come at moments that matter, over real SIP, to a server whose clock is the test's. Each
// hears what is true at that moment; `simulate` says the same of each, clip by clip; and who came in
// time is served long after the end.
func TestHoursByRealCallsAndBySimulate(t *testing.T) {
	open := []string{"open.greeting/az", "open.lang.1/az", "open.lang.2/en", "notice.recording/en"}
	evening := inBoth("closed.intro", "closed.hours", "closed.emergency")
	short := inBoth("closed.intro", "closed.emergency")
	nonworking := func(weekday, day, month int) []string { // and when the line opens again
		return inBoth("closed.nonworking", "closed.next", fmt.Sprint("weekday.", weekday), fmt.Sprint("day.", day), fmt.Sprint("month.", month), "closed.emergency")
	}
	cases := []struct {
		name, at string // on the clock of Baku
		want     []string
		waits    bool
	}{
		{"a tenth of a second before the end", "2026-11-25 17:59:59.9", open, true},
		{"at the end", "2026-11-25 18:00:00", evening, false},
		{"a moment before the beginning", "2026-11-25 08:59:59.999", evening, false},
		{"at the beginning", "2026-11-25 09:00:00", open, true},
		{"at night", "2026-11-26 03:00:00", evening, false},
		{"on a Sunday", "2026-11-29 12:00:00", evening, false},
		{"on a Saturday that is worked", "2026-12-05 13:59:59", open, true},
		{"on it, after its end", "2026-12-05 14:00:00", short, false},
		{"on a day with words of its own", "2026-12-07 10:00:00", []string{"own.flood/az", "closed.emergency/az", "closed.intro/en", "closed.emergency/en"}, false},
		{"at lunch", "2026-12-08 13:30:00", inBoth("closed.intro", "closed.lunch", "closed.emergency"), false},
		{"at midnight, as a holiday begins", "2026-12-31 00:00:00", nonworking(2, 5, 1), false},
		{"just before", "2026-12-30 23:59:59.9", evening, false},
		{"on a day off in place of Novruz's Sunday", "2026-03-30 12:00:00", nonworking(2, 31, 3), false},
		{"on the day of mourning that is not worked", "2027-01-20 12:00:00", nonworking(4, 21, 1), false},
	}
	dir := t.TempDir()
	shortClips(t, dir, "open.lang.1", "open.lang.2", "closed.intro", "closed.hours", "closed.emergency", "closed.nonworking", "closed.lunch",
		"closed.next", "weekday.2", "weekday.4", "day.5", "day.31", "day.21", "month.1", "month.3")
	shortClips(t, dir, "own.flood")
	if err := os.Remove(filepath.Join(dir, "prompts", "en", "own.flood.wav")); err != nil { // English callers hear the general words
		t.Fatal(err)
	}
	file := config(t, dir, hoursFile)
	file.Lines[0].Hours = "office"
	a, w, set := startAt(t, file, cases[0].at)

	calls := make([]*phone.Call, len(cases))
	from := func(i int) string { return fmt.Sprintf("+0001234567%02d", i) }
	for i, c := range cases {
		set(c.at)
		calls[i] = dialAs(t, a, from(i))
	}
	set("2026-11-25 18:30:00") // all have come; now it is long past six
	var all sync.WaitGroup
	for i, c := range cases {
		all.Go(func() {
			if !c.waits {
				if err := calls[i].WaitDone(timeout(t, 20*time.Second)); err != nil {
					t.Errorf("%s: the caller was left hanging: %v", c.name, err)
				}
				return
			}
			eventually(t, c.name+": asked for a language", func() bool { return w.wasAsked(from(i)) })
			if err := calls[i].Media().PressKeys(timeout(t, 5*time.Second), "2"); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			eventually(t, c.name+": waits", func() bool { return len(w.heard(from(i))) > len(c.want)+1 })
		})
	}
	all.Wait()
	var rows []call.Record
	eventually(t, "the records of those who were let go are closed", func() bool { // a moment after their telephones hear it
		var err error
		if rows, err = a.store.Calls(context.Background(), store.Filter{Limit: 100}); err != nil {
			t.Fatal(err)
		}
		open := 0
		for _, r := range rows {
			if r.Ended.IsZero() {
				open++
			}
		}
		waiting := 0
		for _, c := range cases {
			if c.waits {
				waiting++
			}
		}
		return open == waiting
	})
	clips, err := prompts.Load(filepath.Join(dir, "prompts"), file.Languages, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		got := w.heard(from(i))
		ends := "closed"
		if at := slices.Index(got, "queue.enter/en"); at >= 0 {
			if now := got[at+1:]; len(now) == 0 || now[0] != "music" {
				t.Errorf("%s: while waiting the caller hears %v", c.name, now)
			}
			got, ends = got[:at], "queue:general"
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: heard %v\nwant  %v", c.name, got, c.want)
		}
		keys := ""
		if c.waits {
			keys = "2"
		}
		story, err := rehearse(file, Caller{At: set(c.at), From: from(i), Keys: keys}, clips)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, s := range story.Steps {
			if s.Do == doPlay {
				told = append(told, s.Clip+"/"+string(s.Language))
			}
		}
		if !slices.Equal(told, got) || story.Ends != ends || story.Open != c.waits {
			t.Errorf("%s: simulate tells %v, open %v, ends %s; the caller heard %v, %s", c.name, told, story.Open, story.Ends, got, ends)
		}
		for _, r := range rows {
			if r.From.Raw() == from(i) && (r.Outcome == call.Closed) == c.waits {
				t.Errorf("%s: the record says %q", c.name, r.Outcome)
			}
		}
	}
	silenced(t, a, w, func() { set("2027-09-27 12:00:00") })
	set("2026-11-25 18:30:00")
	connect(t, a, "aysel")
	if err := calls[0].Media().WaitTone(timeout(t, 20*time.Second), 1000); err != nil {
		t.Errorf("who came at 17:59:59.9 is not served at 18:30: %v", err)
	}
}

// silenced: on a day of mourning that is worked, who waits hears nothing between the words.
func silenced(t *testing.T, a *App, w *witness, set func()) {
	t.Helper()
	set()
	const from = "+000123456799"
	c := dialAs(t, a, from)
	eventually(t, "asked for a language", func() bool { return w.wasAsked(from) })
	if err := c.Media().PressKeys(timeout(t, 5*time.Second), "2"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "silence while waiting", func() bool {
		got := w.heard(from)
		return len(got) > 1 && got[len(got)-2] == "queue.enter/en" && got[len(got)-1] == "silence"
	})
	if err := c.Media().WaitSilence(timeout(t, 10*time.Second), time.Second); err != nil {
		t.Errorf("on a day of mourning the caller hears something: %v", err)
	}
	if err := c.Hangup(timeout(t, 5*time.Second)); err != nil {
		t.Error(err)
	}
}

// eventually waits for something that is due, also from another goroutine of a test.
func eventually(t *testing.T, what string, holds func() bool) {
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%s: not within 20 s", what)
			return
		}
	}
}

// An operator's own call to an entry outside its hours, or to anybody outside those of calls out, is
// refused by the same clock; an emergency entry never is.
func TestHoursOfTheDirectoryAndOfCallsOut(t *testing.T) {
	carrier, err := phone.New(phone.Options{User: "carrier"})
	if err != nil {
		t.Fatal(err)
	}
	defer carrier.Close()
	go func() {
		for c := range carrier.Incoming() {
			if err := c.Reject(603); err != nil { // it was let out: that is all we ask
				t.Error(err)
			}
		}
	}()
	file := config(t, t.TempDir(), `
directory:
  - {name: archive, number: "+994125550101", hours: archive}
  - {name: service, number: "+994125550102"}
  - {name: fire, number: "101", emergency: true}
outgoing: {hours: office}
calendars:
  office: {week: {mon-fri: "09:00-18:00"}}
  archive: {week: {mon-fri: "09:00-13:00"}}
`)
	host, port, err := net.SplitHostPort(carrier.Addr())
	if err != nil {
		t.Fatal(err)
	}
	at, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	file.SIP.Trunks.Carriers[0].To = []configs.Target{{Host: host, Port: uint16(at), Transport: configs.UDP}}
	var now atomic.Pointer[time.Time]
	set := func(hour int) {
		at := time.Date(2026, 11, 25, hour, 0, 0, 0, file.Zone())
		now.Store(&at)
	}
	set(9)
	a := startApp(t, Options{File: file, Now: func() time.Time { return *now.Load() }})
	defer a.Close()
	p := register(t, a, "aysel")
	for _, c := range []struct {
		hour int
		to   string
		let  bool
	}{
		{12, "archive", true}, {12, "service", true}, {13, "archive", false}, {13, "service", true},
		{18, "service", false}, {18, "archive", false}, {18, "fire", true}, {3, "fire", true},
	} {
		set(c.hour)
		call, err := p.DialAsync(phone.DialOptions{To: "sip:" + c.to + "@" + hostPort(a.Run().Phones)})
		if err != nil {
			t.Fatal(err)
		}
		if err := call.WaitDone(timeout(t, 20*time.Second)); err != nil {
			t.Fatal(err)
		}
		if let := call.LastStatus() == 603; let != c.let { // the carrier's own word
			t.Errorf("at %d:00 %s is answered with %d; let out %v, want %v", c.hour, c.to, call.LastStatus(), let, c.let)
		}
	}
}

// startAt starts a server whose clock stands until set moves it; w hears what callers are played.
func startAt(t *testing.T, file *configs.File, at string) (a *App, w *witness, set func(at string) time.Time) {
	t.Helper()
	var now atomic.Pointer[time.Time]
	set = func(at string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04:05.999999999", at, file.Zone())
		if err != nil {
			t.Fatal(err)
		}
		now.Store(&when)
		return when
	}
	set(at)
	w = &witness{plays: map[string][]string{}, asked: map[string]bool{}}
	a, err := start(context.Background(), Options{File: file, Log: zap.NewNop(), Now: func() time.Time { return *now.Load() }}, func(a *App) { a.around = w.around })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a, w, set
}

// dialAs has a telephone of that name call 919.
func dialAs(t *testing.T, a *App, user string) *phone.Call {
	t.Helper()
	p, err := phone.New(phone.Options{User: user})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	c, err := p.Dial(timeout(t, 10*time.Second), phone.DialOptions{To: "sip:919@" + hostPort(a.Run().Trunks)})
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	return c
}
