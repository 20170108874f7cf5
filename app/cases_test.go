package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/call"
	"hotline/call/wire"
	"hotline/cases"
	"hotline/desk"
)

// Terms by the calendar of the configuration: what was announced, what the law moves, what was swapped.
func TestTermsByTheCalendarOfTheFile(t *testing.T) {
	const calendars = `
calendars:
  office:
    week: {mon-fri: "09:00-18:00"}
    holidays: az
    movable:
      2014: {novruz: 2014-03-20 to 2014-03-24, ramazan: 2014-07-28 to 2014-07-29, qurban: 2014-10-04 to 2014-10-05}
      2015: {novruz: 2015-03-20 to 2015-03-24, ramazan: 2015-07-17 to 2015-07-18, qurban: 2015-09-24 to 2015-09-25}
      2016: {novruz: 2016-03-20 to 2016-03-24, ramazan: 2016-07-06 to 2016-07-07, qurban: 2016-09-12 to 2016-09-13}
      2026: {novruz: 2026-03-20 to 2026-03-24, ramazan: 2026-03-20 to 2026-03-21, qurban: 2026-05-27 to 2026-05-28}
      2027: {novruz: 2027-03-20 to 2027-03-24, ramazan: 2027-03-09 to 2027-03-10, qurban: 2027-05-16 to 2027-05-17}
    dates: {2026-11-30: closed, 2026-12-05: "09:00-18:00"}
`
	named := config(t, t.TempDir(), calendars+"cases: {calendar: office}")
	standard := config(t, t.TempDir(), strings.Replace(calendars, "    dates: {2026-11-30: closed, 2026-12-05: \"09:00-18:00\"}\n", "", 1))
	for _, c := range []struct {
		left   string
		matter call.Matter
		want   string
		why    string
	}{
		{"2014-11-07 16:00", call.MatterComplaint, "2014-12-01", "10 November is off, 12 and 17 are worked"},
		{"2015-03-19 16:00", call.MatterComplaint, "2015-04-16", "Novruz, and 25 and 26 March"},
		{"2016-03-18 16:00", call.MatterInformation, "2016-04-05", "work goes on on 28 March"},
		{"2026-03-16 12:00", call.MatterComplaint, "2026-04-15", "Novruz with Ramazan in it: 20 to 30 March are off"},
		{"2026-11-27 12:00", call.MatterInformation, "2026-12-08", "a Friday; Monday is swapped for Saturday"},
		{"2026-11-27 12:00", call.MatterMessage, "2026-12-18", "the same, in three weeks"},
		{"2026-12-28 12:00", call.MatterComplaint, "2027-01-22", "the turn of the year; 1 and 2 January move, 20 January is off"},
	} {
		left, err := time.ParseInLocation("2006-01-02 15:04", c.left, named.Zone())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []lawDays{{named.Workdays()}, {standard.Workdays()}} {
			if got := cases.Due(f, c.matter, left).Format(time.DateTime); got != c.want+" 23:59:59" {
				t.Errorf("left %s (%s): due %s, want %s", c.left, c.why, got, c.want)
			}
		}
	}
}

// A recordsSystem is a unit's own, which takes webhooks and does each key once.
type recordsSystem struct {
	mu   sync.Mutex
	away bool
	done map[string]cases.Notice
	seen int
}

func (r *recordsSystem) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen++; r.away {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var n cases.Notice
	if json.Unmarshal(body, &n) == nil {
		r.done[q.URL.Path+" "+q.Header.Get("Idempotency-Key")] = n
	}
}

func (r *recordsSystem) has(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.done[key]
	return ok
}

func (r *recordsSystem) all() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// units are two, and a chief, of one records system.
func units(t *testing.T) (*recordsSystem, string) {
	t.Helper()
	r := &recordsSystem{done: map[string]cases.Notice{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return r, strings.ReplaceAll(`
cases:
  units:
    - {name: legal, webhook: "URL/legal", secret: 0123456789abcdef}
    - {name: stay, topics: [stay], webhook: "URL/stay", secret: 0123456789abcdef}
  chief: {webhook: "URL/chief", secret: 0123456789abcdef}`, "URL", server.URL)
}

// leave keeps a message on the disk of a server, as a call does.
func leave(t *testing.T, a *App, m call.Message) call.Message {
	t.Helper()
	m.ID, m.Call, m.Line, m.Language, m.Length = call.NewID(), call.NewID(), "919", "az", time.Second
	if m.Kind == "" {
		m.Kind = call.MatterComplaint
	}
	if m.At.IsZero() {
		m.At = time.Now()
	}
	m, err := a.register.messages.Keep(context.Background(), m, make([]int16, 8000))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func open(t *testing.T, a *App, m call.Message) string {
	t.Helper()
	r, err := a.register.OpenCase(m)
	if err != nil {
		t.Fatal(err)
	}
	return r.Number
}

// A message becomes a case, its unit is told, it is answered at the desk, and a restart tells nobody again.
func TestAMessageBecomesACaseAndIsAnswered(t *testing.T) {
	ctx := context.Background()
	system, settings := units(t)
	dir := t.TempDir()
	a := startApp(t, Options{File: config(t, dir, settings)})
	m, secret := leave(t, a, call.Message{From: "0500001122", Topic: "stay"}), leave(t, a, call.Message{Topic: "stay", Confidential: true})
	number, hidden := open(t, a, m), open(t, a, secret)
	if again := open(t, a, m); again != number {
		t.Errorf("the same message has %s and %s", number, again)
	}
	becomes(t, "the unit and the chief are told", func() bool {
		return system.has("/stay "+string(m.ID)+"/forward") && system.has("/chief "+string(secret.ID)+"/forward")
	})
	keyed := strings.ReplaceAll(number, "-", "")
	becomes(t, "whoever left it is told that it is in progress", func() bool {
		s, mine, err := a.register.Standing(ctx, call.StatusQuestion{Number: keyed, From: "+994500001122"})
		return err == nil && mine && s.State == call.StandingInProgress
	})
	for name, q := range map[string]call.StatusQuestion{
		"another number":  {Number: keyed, From: "+994500001123"},
		"a hidden number": {Number: keyed, From: "+994500001122", Hidden: true},
		"no number":       {Number: keyed, Born: "31121980"},
		"the hidden case": {Number: strings.ReplaceAll(hidden, "-", "")},
	} {
		if _, mine, err := a.register.Standing(ctx, q); !mine || !errors.Is(err, call.ErrNoApplication) {
			t.Errorf("%s: mine %v, %v", name, mine, err)
		}
	}
	for _, digits := range []string{keyed[:9] + "9", "123", "12345678901", "0000000000"} {
		if _, mine, err := a.register.Standing(ctx, call.StatusQuestion{Number: digits, From: "+994500001122"}); mine || err != nil {
			t.Errorf("%s: mine %v, %v", digits, mine, err)
		}
	}
	change := func(number, do, text string) error {
		_, err := a.register.Change(ctx, number, wire.CaseChange{Do: do, By: "aysel", Text: text})
		return err
	}
	if err := change(number, "born", "31121980"); err != nil {
		t.Error(err)
	}
	if _, _, err := a.register.Standing(ctx, call.StatusQuestion{Number: keyed, Born: "31121980"}); err != nil {
		t.Errorf("by the date of birth: %v", err)
	}
	if err := change(number, "answer", "Yes."); err != nil {
		t.Error(err)
	}
	story, err := a.register.Show(ctx, number, wire.CaseLook{By: "aysel", Numbers: true})
	if err != nil || story.Answer != "Yes." || story.From != "+994500001122" {
		t.Errorf("story %+v, %v", story, err)
	}
	for _, e := range story.History {
		if strings.Contains(e.Text, "31121980") {
			t.Errorf("the history tells the date of birth: %+v", e)
		}
	}
	becomes(t, "all is told", func() bool {
		waiting, _, err := a.store.LettersWaiting(ctx, time.Now())
		return err == nil && waiting == 0
	})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	seen := system.all()
	b := startApp(t, Options{File: config(t, dir, settings)})
	if again := open(t, b, m); again != number {
		t.Errorf("after a restart %s", again)
	}
	third := leave(t, b, call.Message{})
	if next := open(t, b, third); !strings.HasSuffix(next, "-000003") {
		t.Errorf("the next one is %s", next)
	}
	becomes(t, "the unit of no topic has the next one", func() bool { return system.has("/legal " + string(third.ID) + "/forward") })
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if n := system.all() - seen; n != 1 {
		t.Errorf("told %d times after the restart", n)
	}
}

// What is confidential is seen only by whoever asks for it, and each look is written down.
func TestConfidentialCasesAreTheChiefs(t *testing.T) {
	ctx := context.Background()
	_, settings := units(t)
	a := startApp(t, Options{File: config(t, t.TempDir(), settings)})
	defer a.Close()
	number := open(t, a, leave(t, a, call.Message{Topic: "stay", Confidential: true, From: "0500001122"}))
	r := a.register
	if list, err := r.List(ctx, wire.CaseFilter{Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("listed to anybody: %+v, %v", list, err)
	}
	if c, err := r.Show(ctx, number, wire.CaseLook{}); !errors.Is(err, desk.ErrInvalid) || c.Call != "" {
		t.Errorf("shown to anybody: %+v, %v", c, err)
	}
	if _, err := r.Show(ctx, "2026-999999", wire.CaseLook{}); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("no case: %v", err)
	}
	if _, err := r.Change(ctx, number, wire.CaseChange{Do: "assign", By: "chief", To: "stay"}); !errors.Is(err, desk.ErrInvalid) {
		t.Errorf("given to a unit: %v", err)
	}
	if _, err := r.Change(ctx, number, wire.CaseChange{Do: "assign", By: "chief", To: "Aysel M."}); err != nil {
		t.Errorf("given to a person: %v", err)
	}
	if list, err := r.List(ctx, wire.CaseFilter{Confidential: true, By: "chief", Limit: 10}); err != nil || len(list) != 1 || list[0].From != "***22" {
		t.Errorf("listed to the chief: %+v, %v", list, err)
	}
	c, err := r.Show(ctx, number, wire.CaseLook{Confidential: true, By: "chief"})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range c.History {
		if !strings.HasPrefix(e.What, "letter") {
			told = append(told, e.By+" "+e.What)
		}
	}
	if want := []string{"hotline registered", "chief assign", "chief looked.list", "chief looked"}; !slices.Equal(told, want) {
		t.Errorf("history %q", told)
	}
}

// What is to be told follows what is done to a case.
func TestLettersFollowTheCase(t *testing.T) {
	ctx := context.Background()
	_, settings := units(t)
	a := startApp(t, Options{File: config(t, t.TempDir(), strings.ReplaceAll(settings, "http://127.0.0.1:", "http://127.0.0.9:"))}) // where nobody is
	defer a.Close()
	far := time.Now().AddDate(1, 0, 0)
	left := func(m call.Message) (kinds []string) {
		list, err := a.store.Letters(ctx, far, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			if l.Case == m.ID {
				kinds = append(kinds, l.Kind+" "+l.To)
			}
		}
		slices.Sort(kinds)
		return kinds
	}
	all := func(unit string) []string {
		return []string{"100 " + unit, "50 " + unit, "80 " + unit, "forward " + unit}
	}
	type step struct {
		ask  wire.CaseChange
		want []string
		err  bool
	}
	for name, c := range map[string]struct {
		kind  call.Matter
		steps []step
	}{
		"another unit":                {"", []step{{ask: wire.CaseChange{Do: "assign", To: "legal"}, want: all("legal")}}},
		"there and back":              {"", []step{{ask: wire.CaseChange{Do: "assign", To: "legal"}, want: all("legal")}, {ask: wire.CaseChange{Do: "assign", To: "stay"}, want: all("stay")}}},
		"studied, then extended":      {"", []step{{ask: wire.CaseChange{Do: "study"}, want: all("stay")}, {ask: wire.CaseChange{Do: "extend", Days: 5}, want: all("stay")}, {ask: wire.CaseChange{Do: "extend", Days: 5}, err: true, want: all("stay")}}},
		"extended, then studied":      {"", []step{{ask: wire.CaseChange{Do: "extend", Days: 5}, want: all("stay")}, {ask: wire.CaseChange{Do: "study"}, err: true, want: all("stay")}}},
		"urgent, of a complaint":      {"", []step{{ask: wire.CaseChange{Do: "urgent", Hours: 24}, err: true, want: all("stay")}}},
		"urgent, for what is known":   {call.MatterInformation, []step{{ask: wire.CaseChange{Do: "urgent", Hours: 24}, want: all("stay")}, {ask: wire.CaseChange{Do: "study"}, err: true, want: all("stay")}}},
		"urgent within an hour":       {call.MatterInformation, []step{{ask: wire.CaseChange{Do: "urgent", Hours: 1}, err: true, want: all("stay")}}},
		"answered, then more time":    {"", []step{{ask: wire.CaseChange{Do: "answer", Text: "x"}, want: []string{"forward stay"}}, {ask: wire.CaseChange{Do: "study"}, err: true, want: []string{"forward stay"}}, {ask: wire.CaseChange{Do: "extend", Days: 5}, err: true, want: []string{"forward stay"}}}},
		"closed, then urgent":         {call.MatterInformation, []step{{ask: wire.CaseChange{Do: "close"}, want: []string{"forward stay"}}, {ask: wire.CaseChange{Do: "urgent", Hours: 24}, err: true, want: []string{"forward stay"}}}},
		"a callback without a number": {"", []step{{ask: wire.CaseChange{Do: "answer", Text: "x", Callback: true}, err: true, want: all("stay")}}},
		"a day that is none":          {"", []step{{ask: wire.CaseChange{Do: "born", Text: "31021980"}, err: true, want: all("stay")}, {ask: wire.CaseChange{Do: "born", Text: "01012999"}, err: true, want: all("stay")}}},
		"something else":              {"", []step{{ask: wire.CaseChange{Do: "burn"}, err: true, want: all("stay")}}},
	} {
		m := leave(t, a, call.Message{Topic: "stay", Kind: c.kind})
		number := open(t, a, m)
		if got := left(m); !slices.Equal(got, all("stay")) {
			t.Errorf("%s: at first %v", name, got)
		}
		for i, s := range c.steps {
			s.ask.By = "aysel"
			if _, err := a.register.Change(ctx, number, s.ask); (err != nil) != s.err || err != nil && !errors.Is(err, desk.ErrInvalid) {
				t.Errorf("%s, step %d: %v", name, i, err)
			}
			if got := left(m); !slices.Equal(got, s.want) {
				t.Errorf("%s, step %d: to be told %v, want %v", name, i, got, s.want)
			}
		}
	}
}

// A message that a dead process left has its case soon after the start, once.
func TestAMessageOfADeadProcessIsNotForgotten(t *testing.T) {
	dir := t.TempDir()
	a := startApp(t, Options{File: config(t, dir)})
	m := leave(t, a, call.Message{At: time.Now().Add(-time.Hour)})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b := startApp(t, Options{File: config(t, dir)})
	defer b.Close()
	becomes(t, "there is a case of it", func() bool {
		_, err := b.store.Case(context.Background(), m.ID)
		return err == nil
	})
	becomes(t, "it is told no more", func() bool {
		list, err := b.register.messages.Untold(context.Background())
		return err == nil && len(list) == 0
	})
	if number := open(t, b, m); !strings.HasSuffix(number, "-000001") {
		t.Errorf("it is %s", number)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "messages", "new", "*")); err != nil || len(files) != 0 {
		t.Errorf("left: %v, %v", files, err)
	}
	if _, err := os.Stat(filepath.Join(dir, m.Path)); err != nil {
		t.Error(err)
	}
}
