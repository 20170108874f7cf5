package app

import (
	"bytes"
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
	f := config(t, t.TempDir(), `
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
cases: {calendar: office}`)
	hours := caseRules(f).Hours
	for _, c := range []struct {
		left   string
		matter call.Matter
		term   call.CaseTerm
		want   string
		why    string
	}{
		{"2014-11-07 16:00", call.MatterComplaint, "", "2014-12-01 18:00", "10 November is off, 12 and 17 are worked"},
		{"2015-03-19 16:00", call.MatterComplaint, "", "2015-04-16 18:00", "Novruz, and 25 and 26 March"},
		{"2016-03-18 16:00", call.MatterInformation, "", "2016-04-05 18:00", "work goes on on 28 March"},
		{"2026-03-16 12:00", call.MatterComplaint, "", "2026-04-15 18:00", "Novruz with Ramazan in it: 20 to 30 March are off"},
		{"2026-11-27 12:00", call.MatterInformation, "", "2026-12-08 18:00", "a Friday; Monday is swapped for Saturday"},
		{"2026-12-28 12:00", call.MatterComplaint, "", "2027-01-22 18:00", "the turn of the year; 1 and 2 January move, 20 January is off"},
		{"2026-12-31 12:00", call.MatterInformation, call.TermUrgent, "2027-01-01 12:00", "24 hours are 24 hours"},
	} {
		left, err := time.ParseInLocation("2006-01-02 15:04", c.left, f.Zone())
		if err != nil {
			t.Fatal(err)
		}
		if got := hours.TermsOf(c.matter, c.term, left, 0).Answer.Format("2006-01-02 15:04"); got != c.want {
			t.Errorf("left %s (%s): due %s, want %s", c.left, c.why, got, c.want)
		}
	}
}

// left are messages on disk that nobody was told of.
type left struct {
	mu   sync.Mutex
	list []call.Message
	fail error
	told []call.ID
}

func (l *left) Untold(context.Context) ([]call.Message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list), l.fail
}

func (l *left) Told(_ context.Context, id call.ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(l.list, func(m call.Message) bool { return m.ID == id })
	l.told = append(l.told, id)
	return nil
}

func (l *left) untold() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.list)
}

// records is a unit's system that takes webhooks, and does each key once.
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
	r.seen++
	if r.away {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var n cases.Notice
	if json.Unmarshal(body, &n) == nil {
		r.done[q.Header.Get("Idempotency-Key")] = n
	}
}

func (r *recordsSystem) has(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.done[key]
	return ok
}

// A message that a dead process left becomes a case, its unit is told, it is answered at the desk, and a
// restart tells nobody again.
func TestAMessageBecomesACaseAndIsAnswered(t *testing.T) {
	unit := &recordsSystem{done: map[string]cases.Notice{}}
	server := httptest.NewServer(unit)
	defer server.Close()
	dir := t.TempDir()
	settings := `
cases:
  units: [{name: legal, webhook: "` + server.URL + `", secret: 0123456789abcdef}]
  chief: {webhook: "` + server.URL + `/chief", secret: 0123456789abcdef}`
	a := startApp(t, Options{File: config(t, dir, settings)})
	messages := &left{list: []call.Message{
		{ID: "m1", Call: "c1", Line: "919", From: "0500001122", Language: "az", Kind: call.MatterComplaint, At: time.Now()},
		{ID: "m2", Call: "c2", Line: "919", Language: "en", Kind: call.MatterComplaint, Confidential: true, At: time.Now()},
	}}
	a.cases.keep(messages)
	becomes(t, "both are told of", func() bool { return messages.untold() == 0 && unit.has("m1") && unit.has("m2") })

	ctx := context.Background()
	d := caseDesk{a.cases}
	number, err := a.cases.OpenCase(ctx, call.Message{ID: "m1", At: time.Now()})
	if err != nil || !strings.HasSuffix(number, "-000001") {
		t.Fatalf("%s, %v", number, err)
	}
	s, mine, err := a.cases.StandingOf(ctx, call.StatusQuestion{Number: strings.ReplaceAll(number, "-", ""), From: "+994500001122"})
	if err != nil || !mine || s.State != call.StandingInProgress {
		becomes(t, "the unit has it", func() bool {
			s, _, _ = a.cases.StandingOf(ctx, call.StatusQuestion{Number: strings.ReplaceAll(number, "-", ""), From: "+994500001122"})
			return s.State == call.StandingInProgress
		})
	}
	list, err := d.List(ctx, wire.CaseFilter{Limit: 10})
	if err != nil || len(list) != 1 || list[0].From != "***22" || list[0].Overdue {
		t.Errorf("list %+v, %v", list, err)
	}
	if _, err := d.Show(ctx, strings.Replace(number, "001", "002", 1), wire.CaseLook{}); !errors.Is(err, desk.ErrInvalid) {
		t.Errorf("a confidential case: %v", err)
	}
	if _, err := d.Show(ctx, "2026-999999", wire.CaseLook{}); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("no case: %v", err)
	}
	if c, err := d.Change(ctx, number, wire.CaseChange{By: "aysel", Answer: &wire.CaseAnswer{Text: "Yes.", Callback: true}}); err != nil || c.State != "answered" {
		t.Errorf("answered: %+v, %v", c, err)
	}
	story, err := d.Show(ctx, number, wire.CaseLook{By: "aysel", Numbers: true})
	if err != nil || story.Case.From != "0500001122" || *story.Case.Answer != "Yes." || len(story.History) < 3 {
		t.Errorf("story %+v, %v", story, err)
	}
	tasks, err := d.Tasks(ctx, false)
	if err != nil || len(tasks) != 1 || tasks[0].Case != number {
		t.Fatalf("tasks %+v, %v", tasks, err)
	}
	if _, err := d.TaskDone(ctx, tasks[0].ID[:8], wire.TaskDone{By: "aysel"}); err != nil {
		t.Error(err)
	}
	if _, err := d.TaskDone(ctx, tasks[0].ID, wire.TaskDone{}); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("a task that is over: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	seen := unit.seen
	b := startApp(t, Options{File: config(t, dir, settings)})
	again, err := b.cases.OpenCase(ctx, call.Message{ID: "m1", At: time.Now()})
	if err != nil || again != number {
		t.Errorf("after a restart %s, %v", again, err)
	}
	next, err := b.cases.OpenCase(ctx, call.Message{ID: "m3", At: time.Now()})
	if err != nil || !strings.HasSuffix(next, "-000003") {
		t.Errorf("the next one is %s, %v", next, err)
	}
	becomes(t, "the unit has the next one", func() bool { return unit.has("m3") })
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if n := unit.seen - seen; n != 1 {
		t.Errorf("told %d times after the restart", n)
	}
}

// A unit that is away is told when the address in the file is mended, and the stop waits for nobody.
func TestAReloadFindsTheUnit(t *testing.T) {
	unit := &recordsSystem{done: map[string]cases.Notice{}, away: true}
	server := httptest.NewServer(unit)
	defer server.Close()
	a := startApp(t, Options{File: config(t, t.TempDir(), `
cases:
  units: [{name: legal, webhook: "`+server.URL+`", secret: 0123456789abcdef}]
  chief: {webhook: "`+server.URL+`", secret: 0123456789abcdef}`)})
	defer a.Close()
	if _, err := a.cases.OpenCase(context.Background(), call.Message{ID: "m1", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	becomes(t, "the failure is noted", func() bool {
		n, err := a.store.CaseCounts(context.Background(), time.Now())
		return err == nil && n.Waiting == 1
	})
	next := config(t, t.TempDir(), "cases: {units: [], chief: {}}")
	a.cases.reload(next)
	if got := a.cases.ruled(); len(got.Units) != 0 {
		t.Errorf("units %+v", got.Units)
	}
}

// A message whose case cannot be opened stays, and is opened when it can be.
func TestAMessageIsNotForgotten(t *testing.T) {
	a := startApp(t, Options{File: config(t, t.TempDir())})
	defer a.Close()
	messages := &left{fail: errors.New("the folder is away")}
	a.cases.messages = messages
	a.cases.openUntold(context.Background()) // is logged
	messages.fail, messages.list = nil, []call.Message{{At: time.Now()}, {ID: "m1", At: time.Now()}}
	a.cases.openUntold(context.Background())
	if messages.untold() != 1 || !slices.Equal(messages.told, []call.ID{"m1"}) {
		t.Errorf("told %v, left %d", messages.told, messages.untold())
	}
}

// Sounds come from the data folder and nowhere else.
func TestOnlySoundsOfOursAreSent(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data", "messages"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"secret.wav", "data/messages/m.wav"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("RIFF"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../../secret.wav", filepath.Join(dir, "data", "messages", "link.wav")); err != nil {
		t.Fatal(err)
	}
	open := soundsIn(filepath.Join(dir, "data"))
	f, err := open("messages/m.wav")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	f.Close()
	if err != nil || !bytes.Equal(b, []byte("RIFF")) {
		t.Errorf("%q, %v", b, err)
	}
	for _, path := range []string{"../secret.wav", filepath.Join(dir, "secret.wav"), "messages/link.wav", "messages/none.wav"} {
		if f, err := open(path); err == nil {
			f.Close()
			t.Errorf("%s was opened", path)
		}
	}
}
