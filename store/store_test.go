package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"hotline/call"
)

func openIn(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// t0 has microseconds, which the store keeps, and nothing finer.
var t0 = time.Date(2026, 11, 25, 9, 30, 0, 123456000, time.UTC)

func openRecord(n int) call.Record {
	return call.Record{
		ID: call.ID(fmt.Sprintf("01900000-0000-7000-8000-%012d", n)), Line: "919", Trunk: "carrier",
		From: "+000123456789", Arrived: t0.Add(time.Duration(n) * time.Second),
	}
}

func closedRecord(n int) call.Record {
	r := openRecord(n)
	r.Withheld, r.Language, r.Queue, r.Operator = true, "az", "general", "aysel"
	r.Outcome, r.Phase, r.EndedBy, r.Code = call.Completed, call.Waiting, call.ByCaller, 486
	r.Answered, r.Ended = r.Arrived.Add(time.Second), r.Arrived.Add(time.Minute)
	r.Waited, r.Talked = 4500*time.Millisecond, 31*time.Second
	r.Recording = "recordings/2026/11/25/" + string(r.ID) + ".wav"
	r.Notice = &call.Notice{Key: "notice.recording", Language: "az", Version: "ab12", From: r.Answered,
		To: r.Answered.Add(4 * time.Second), Languages: []call.Language{"az", "en"}}
	return r
}

func TestARecordComesBackAsItWas(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	must(t, s.Arrived(openRecord(1)))
	must(t, s.Arrived(openRecord(2)))
	must(t, s.Closed(closedRecord(2)))

	check := func(s *Store) {
		t.Helper()
		got, err := s.Calls(ctx, Filter{})
		must(t, err)
		if want := []call.Record{closedRecord(2), openRecord(1)}; !reflect.DeepEqual(got, want) {
			t.Fatalf("calls:\n got %+v\nwant %+v", got, want)
		}
		open, err := s.OpenCalls(ctx)
		must(t, err)
		if want := []call.Record{openRecord(1)}; !reflect.DeepEqual(open, want) {
			t.Fatalf("open calls:\n got %+v\nwant %+v", open, want)
		}
	}
	check(s)
	must(t, s.Close())
	check(openIn(t, dir))
}

func TestFilter(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	for n := range 5 {
		must(t, s.Arrived(openRecord(n)))
	}
	got, err := s.Calls(ctx, Filter{Since: openRecord(1).Arrived, Limit: 2})
	must(t, err)
	if want := []call.Record{openRecord(4), openRecord(3)}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
	if got, err = s.Calls(ctx, Filter{Since: openRecord(3).Arrived}); err != nil || len(got) != 2 {
		t.Fatalf("since the fourth: %d records, %v", len(got), err)
	}
	if _, err := s.Call(ctx, "nobody"); err == nil {
		t.Fatal("a call that never was is found")
	}
}

// What operators' telephones call stands beside the calls to our lines, and is shown where it is
// asked for.
func TestOwnCallsAreAskedFor(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	consult, own := openRecord(2), closedRecord(3)
	consult.Kind, consult.Linked = call.KindConsult, openRecord(1).ID
	own.Kind = call.KindOwn
	must(t, s.Arrived(openRecord(1)))
	must(t, s.Arrived(consult))
	must(t, s.Closed(own)) // its arrival was lost
	ended := consult
	ended.Outcome, ended.EndedBy, ended.Ended = call.Completed, call.ByOperator, t0.Add(time.Hour)
	must(t, s.Closed(ended))
	got, err := s.Calls(ctx, Filter{})
	must(t, err)
	if len(got) != 1 || got[0].ID != openRecord(1).ID || got[0].Kind != "" || got[0].Linked != "" {
		t.Errorf("without them: %+v", got)
	}
	got, err = s.Calls(ctx, Filter{All: true})
	must(t, err)
	if len(got) != 3 || got[0].Kind != call.KindOwn || got[1].Kind != call.KindConsult || got[1].Linked != openRecord(1).ID ||
		got[1].Outcome != call.Completed {
		t.Errorf("with them: %+v", got)
	}
}

func TestACallIsFoundByTheBeginningOfItsID(t *testing.T) {
	s := openIn(t, t.TempDir())
	must(t, s.Arrived(openRecord(11)))
	must(t, s.Arrived(openRecord(12)))
	for prefix, want := range map[string]error{
		string(openRecord(11).ID): nil, string(openRecord(12).ID): nil,
		"01900000": ErrManyFit, "01900000-0000-7000-8000-00000000001": ErrManyFit, "": ErrUnknown, "02": ErrUnknown, "%": ErrUnknown, "x' OR 1": ErrUnknown,
	} {
		id, err := s.FindCall(context.Background(), prefix)
		if !errors.Is(err, want) || err == nil && string(id) != prefix {
			t.Errorf("%q: %s, %v, want %v", prefix, id, err, want)
		}
	}
	must(t, s.Arrived(call.Record{ID: "03abc", Line: "919", Arrived: t0}))
	if id, err := s.FindCall(context.Background(), "03"); id != "03abc" || err != nil {
		t.Errorf("03: %s, %v", id, err)
	}
}

func TestACallIsClosedOnce(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	must(t, s.Arrived(openRecord(1)))
	must(t, s.Closed(closedRecord(1)))
	again := closedRecord(1)
	again.Outcome = call.Failed
	must(t, s.Closed(again))
	must(t, s.Arrived(openRecord(1)))

	got, err := s.Calls(ctx, Filter{})
	must(t, err)
	if len(got) != 1 || got[0].Outcome != call.Completed {
		t.Fatalf("got %+v, want the first end only", got)
	}
	if n := testutil.ToFloat64(s.metrics.closedTwice); n != 1 {
		t.Fatalf("closed twice counted %v times", n)
	}
}

func TestARecordWithoutAnEndCannotClose(t *testing.T) {
	s := openIn(t, t.TempDir())
	r := closedRecord(1)
	r.Ended = time.Time{}
	if s.Closed(r) == nil {
		t.Fatal("closed without a time")
	}
	r = closedRecord(1)
	r.Outcome = "gone fishing"
	if s.Closed(r) == nil {
		t.Fatal("closed with an outcome that is none")
	}
}

func TestACallWhoseArrivalWasLostIsKept(t *testing.T) {
	s := openIn(t, t.TempDir())
	must(t, s.Closed(closedRecord(1)))
	got, err := s.Call(context.Background(), closedRecord(1).ID)
	must(t, err)
	if !reflect.DeepEqual(got, closedRecord(1)) {
		t.Fatalf("got %+v", got)
	}
}

func TestTheRecordingIsKnownBeforeAndAfterTheEnd(t *testing.T) {
	ctx := context.Background()
	for _, sealedFirst := range []bool{true, false} {
		s := openIn(t, t.TempDir())
		must(t, s.Arrived(openRecord(1)))
		r := closedRecord(1)
		r.Recording = ""
		steps := []func(){
			func() { s.RecordingSealed(r.ID, "recordings/x.wav", "sealed") },
			func() { must(t, s.Closed(r)) },
		}
		if !sealedFirst {
			steps[0], steps[1] = steps[1], steps[0]
		}
		for _, step := range steps {
			step()
		}
		got, err := s.Call(ctx, r.ID)
		must(t, err)
		if got.Recording != "recordings/x.wav" {
			t.Errorf("sealed first %v: recording %q", sealedFirst, got.Recording)
		}
	}
}

func TestEventsComeInTheirOrder(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	want := []call.Event{
		{At: t0, Call: "a", Name: "call.arrived", Data: map[string]string{"line": "919"}},
		{At: t0.Add(-time.Second), Call: "a", Name: "call.queued", Data: map[string]string{}},
	}
	s.Event(want[0])
	s.Event(call.Event{At: t0, Name: "operator.state_changed", Data: map[string]string{"operator": "aysel"}})
	s.Event(call.Event{At: want[1].At, Call: "a", Name: "call.queued"})
	got, err := s.Events(ctx, "a")
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
	if got, err = s.Events(ctx, ""); err != nil || len(got) != 1 {
		t.Fatalf("events of operators: %+v, %v", got, err)
	}
}

func TestDialogsAndBindings(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	d := call.Dialog{Leg: "l1", Call: "c", SIPCallID: "x@y", Routes: []string{"<sip:p;lr>"}, LocalSeq: 2,
		Remote: netip.MustParseAddrPort("192.0.2.1:5060"), Local: netip.MustParseAddrPort("[2001:db8::1]:5060"), Role: call.RoleCaller}
	must(t, s.PutDialog(d))
	d.LocalSeq = 3
	must(t, s.PutDialog(d))
	must(t, s.PutDialog(call.Dialog{Leg: "l2"}))
	must(t, s.RemoveDialog("l2"))
	must(t, s.RemoveDialog("never"))
	b := call.Binding{User: "aysel", Contact: "sip:aysel@192.0.2.7", CSeq: 4, Transport: "udp",
		Source: netip.MustParseAddrPort("192.0.2.7:1024"), Since: t0, Expires: t0.Add(time.Hour)}
	must(t, s.Bindings().Save(b))
	gone := b
	gone.Contact = "sip:aysel@192.0.2.8"
	must(t, s.Bindings().Save(gone))
	must(t, s.Bindings().Remove(gone.User, gone.Contact))
	must(t, s.Close())

	s = openIn(t, dir)
	dialogs, err := s.Dialogs(ctx)
	must(t, err)
	if !reflect.DeepEqual(dialogs, []call.Dialog{d}) {
		t.Fatalf("dialogs: %+v", dialogs)
	}
	bindings, err := s.Bindings().Load()
	must(t, err)
	if !reflect.DeepEqual(bindings, []call.Binding{b}) {
		t.Fatalf("bindings: %+v", bindings)
	}
}

// While somebody else holds SQLite's write lock, calls write as fast as ever, and nothing they
// wrote is lost. The production figure is a minute; what matters is many failed commits.
func TestALockedDatabaseStopsNoCall(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	other, err := openSQL(filepath.Join(dir, "hotline.db"), "busy_timeout(2000)")
	must(t, err)
	defer other.Close()
	tx, err := other.BeginTx(ctx, nil)
	must(t, err)

	const calls = 300
	var slowest time.Duration
	for n := range calls {
		began := time.Now()
		must(t, s.Arrived(openRecord(n)))
		s.Event(call.Event{At: t0, Call: openRecord(n).ID, Name: "call.arrived"})
		must(t, s.Closed(closedRecord(n)))
		slowest = max(slowest, time.Since(began))
		if n%50 == 49 { // until another commit has failed
			failures := testutil.ToFloat64(s.metrics.failed)
			for deadline := time.Now().Add(10 * time.Second); testutil.ToFloat64(s.metrics.failed) == failures; {
				if time.Now().After(deadline) {
					t.Fatal("the commit neither fails nor works")
				}
				time.Sleep(time.Millisecond)
			}
		}
	}
	if slowest > 300*time.Millisecond { // a commit waits 400 ms for the lock
		t.Errorf("a call waited %v for a locked database", slowest)
	}
	must(t, s.Healthy()) // not yet five seconds
	s.mu.Lock()
	s.failingSince = time.Now().Add(-unhealthyAfter)
	s.mu.Unlock()
	if s.Healthy() == nil {
		t.Error("five seconds without a commit are called healthy")
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := s.Calls(short, Filter{}); err == nil {
		t.Error("a query answers with what it cannot know")
	}
	must(t, tx.Rollback())

	must(t, s.Flush(ctx))
	must(t, s.Healthy())
	for n := range calls {
		events, err := s.Events(ctx, openRecord(n).ID)
		must(t, err)
		if len(events) != 1 {
			t.Fatalf("call %d has %d events", n, len(events))
		}
	}
	open, err := s.OpenCalls(ctx)
	must(t, err)
	if len(open) != 0 {
		t.Fatalf("%d calls are open", len(open))
	}
}

func TestCloseDoesNotWaitForALockedDatabase(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	other, err := openSQL(filepath.Join(dir, "hotline.db"))
	must(t, err)
	defer other.Close()
	tx, err := other.BeginTx(ctx, nil)
	must(t, err)
	must(t, s.Arrived(openRecord(1)))
	began := time.Now()
	must(t, s.Close())
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("closing took %v", took)
	}
	if err := s.Arrived(openRecord(2)); err == nil {
		t.Error("a closed store takes calls")
	}
	// The next start waits for whoever has it.
	time.AfterFunc(time.Second, func() { tx.Rollback() })
	if open, err := openIn(t, dir).OpenCalls(ctx); err != nil || len(open) != 1 {
		t.Fatalf("after the next start: %+v, %v", open, err)
	}
}

// oldSpool is what the release of schema 1 writes. Later releases must go on reading it.
func TestTheSpoolOfSchema1IsRead(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "spool"), 0o700))
	b, err := os.ReadFile("testdata/schema1/00000000000000000001.log")
	if err != nil && os.Getenv("UPDATE_GOLDEN") != "" {
		b = writeSchema1(t)
	} else {
		must(t, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "spool", "00000000000000000001.log"), b, 0o600))
	s := openIn(t, dir)
	got, err := s.Calls(ctx, Filter{})
	must(t, err)
	if want := []call.Record{closedRecord(2), openRecord(1)}; !reflect.DeepEqual(got, want) {
		t.Errorf("calls:\n got %+v\nwant %+v", got, want)
	}
	if n := testutil.ToFloat64(s.metrics.rejected); n != 0 {
		t.Errorf("%v lines rejected", n)
	}
	for what, n := range map[string]func() (int, error){
		"events":   func() (int, error) { v, err := s.Events(ctx, openRecord(1).ID); return len(v), err },
		"dialogs":  func() (int, error) { v, err := s.Dialogs(ctx); return len(v), err },
		"bindings": func() (int, error) { v, err := s.Bindings().Load(); return len(v), err },
	} {
		if n, err := n(); n != 1 || err != nil {
			t.Errorf("%s: %d, %v, want 1", what, n, err)
		}
	}
}

// writeSchema1 makes the golden file of the test above.
func writeSchema1(t *testing.T) []byte {
	dir := t.TempDir()
	sp, err := openSpool(dir, 0)
	must(t, err)
	s := &Store{spool: sp, wake: make(chan struct{}, 1)}
	must(t, s.Arrived(openRecord(1)))
	must(t, s.Arrived(openRecord(2)))
	s.Event(call.Event{At: t0, Call: openRecord(1).ID, Name: "call.arrived", Data: map[string]string{"line": "919"}})
	at := netip.MustParseAddrPort("192.0.2.1:5060")
	must(t, s.PutDialog(call.Dialog{Leg: "l1", Call: openRecord(1).ID, Remote: at, Local: at}))
	must(t, s.PutDialog(call.Dialog{Leg: "l2", Remote: at, Local: at}))
	must(t, s.RemoveDialog("l2"))
	must(t, s.Bindings().Save(call.Binding{User: "a", Contact: "sip:a@192.0.2.1", Source: at, Local: at, Expires: t0}))
	must(t, s.Bindings().Save(call.Binding{User: "b", Contact: "sip:b@192.0.2.1", Source: at, Local: at, Expires: t0}))
	must(t, s.Bindings().Remove("b", "sip:b@192.0.2.1"))
	r := closedRecord(2)
	r.Recording = ""
	must(t, s.Closed(r))
	s.RecordingSealed(r.ID, closedRecord(2).Recording, "sealed")
	must(t, sp.close())
	b, err := os.ReadFile(filepath.Join(dir, "00000000000000000001.log"))
	must(t, err)
	must(t, os.MkdirAll("testdata/schema1", 0o755))
	must(t, os.WriteFile("testdata/schema1/00000000000000000001.log", b, 0o644))
	return b
}

// A folder of every released schema is opened and has its rows afterwards.
func TestUpgrade(t *testing.T) {
	files, err := filepath.Glob("testdata/schema*/hotline.sql")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no old schema to upgrade from")
	}
	for _, file := range files {
		dump, err := os.ReadFile(file)
		must(t, err)
		dir := t.TempDir()
		db, err := openSQL(filepath.Join(dir, "hotline.db"))
		must(t, err)
		_, err = db.Exec(string(dump))
		must(t, err)
		must(t, db.Close())
		s := openIn(t, dir)
		calls, err := s.Calls(context.Background(), Filter{})
		must(t, err)
		users, err := s.Users(context.Background())
		must(t, err)
		if len(calls) != 1 || calls[0].Outcome != call.Completed || len(users) != 1 || len(users[0].Skills) != 0 {
			t.Errorf("%s: calls %+v, users %+v", file, calls, users)
		}
		must(t, s.SetSkills(context.Background(), users[0].Name, map[string]int{"ru": 4}))
		must(t, s.Arrived(openRecord(9))) // and goes on
		if _, err := s.Call(context.Background(), openRecord(9).ID); err != nil {
			t.Error(err)
		}
	}
}

func TestANewerSchemaIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	must(t, openIn(t, dir).Close())
	db, err := sql.Open("sqlite", filepath.Join(dir, "hotline.db"))
	must(t, err)
	defer db.Close()
	_, err = db.Exec(`INSERT INTO schema (version_id, is_applied) VALUES (9999, 1)`)
	must(t, err)
	_, err = Open(Options{Dir: dir, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	if err == nil || !strings.Contains(err.Error(), "newer release") {
		t.Fatalf("got %v", err)
	}
}

func TestMetricsAreWellNamed(t *testing.T) {
	r := prometheus.NewRegistry()
	_, err := newMetrics(r)
	must(t, err)
	problems, err := testutil.GatherAndLint(r)
	must(t, err)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Who called before is known by whom they talked to last; others, and those who only waited, are not.
func TestLastOperator(t *testing.T) {
	s := openIn(t, t.TempDir())
	at := time.Now().Add(-time.Hour)
	for i, r := range []call.Record{
		{From: "+994501112233", Operator: "aysel"}, {From: "+994501112233", Operator: "leyla"}, {From: "+994501112233"},
		{From: "+994504445566"},
	} {
		r.ID, r.Line, r.Arrived, r.Ended, r.Outcome = call.NewID(), "919", at.Add(time.Duration(i)*time.Minute), at.Add(time.Hour), call.Completed
		if err := s.Closed(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Calls(t.Context(), Filter{}); err != nil { // all is in the rows then
		t.Fatal(err)
	}
	for _, c := range []struct {
		number call.Number
		since  time.Time
		want   string
	}{{"+994501112233", at, "leyla"}, {"+994501112233", at.Add(90 * time.Second), ""}, {"+994504445566", at, ""}, {"+1", at, ""}} {
		if got, err := s.LastOperator(t.Context(), c.number, c.since); err != nil || got != c.want {
			t.Errorf("%v since %s: %q, %v, want %q", c.number, c.since, got, err, c.want)
		}
	}
}
