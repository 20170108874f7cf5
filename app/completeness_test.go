package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/call"
	"hotline/store"
)

// TestEveryCallHasARecordingOrAReason: what is recorded, what nobody wanted recorded, what the disk did not take, and
// what somebody took away together with its manifest; the last is found once, at night and by asking.
func TestEveryCallHasARecordingOrAReason(t *testing.T) {
	dir := t.TempDir()
	shortClips(t, dir)
	now := func() time.Time { return time.Now().Add(time.Hour) } // when the calls are long over
	a := startApp(t, Options{File: config(t, dir), Now: now})
	calls(t, a, 2)
	a.Close()
	a = startApp(t, Options{File: config(t, dir, "recording: {policy: 'off'}"), Now: now})
	_, c := dial(t, a)
	if err := c.Hangup(t.Context()); err != nil {
		t.Fatal(err)
	}
	becomes(t, "the record is closed", func() bool { return len(ended(t, a)) == 3 })
	a.Close()
	a = startApp(t, Options{File: config(t, dir), Now: now})
	day := filepath.Join(recordingsIn(dir), time.Now().In(a.file.Zone()).Format("2006/01/02"))
	whole := func(missing ...string) {
		t.Helper()
		got, err := a.sounds().Completeness(t.Context(), time.Time{})
		if err != nil || got.Answered != got.Recorded+got.Without["policy"]+got.Without["disk"]+len(got.Missing) || !slices.Equal(got.Missing, missing) {
			t.Errorf("the proof says %+v, %v; missing is %v", got, err, missing)
		}
	}
	whole()

	if err := os.Rename(day, day+".away"); err != nil { // the disk takes nothing
		t.Fatal(err)
	}
	if err := os.WriteFile(day, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, c = dial(t, a)
	if err := c.Hangup(t.Context()); err != nil {
		t.Fatal(err)
	}
	becomes(t, "the disk's refusal is in the record", func() bool {
		return slices.ContainsFunc(ended(t, a), func(r call.Record) bool { return r.Unrecorded == call.UnrecordedDisk && r.Recording == "" })
	})
	if err := os.Remove(day); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(day+".away", day); err != nil {
		t.Fatal(err)
	}
	whole()
	refused := testutil.ToFloat64(a.recorder.Missing())

	taken := ended(t, a)[slices.IndexFunc(ended(t, a), func(r call.Record) bool { return r.Recording != "" })]
	stem := strings.TrimSuffix(filepath.Join(dir, taken.Recording), ".wav")
	for _, ext := range []string{".wav", ".json"} {
		if err := os.Remove(stem + ext); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // two nights
		a.reconciler.last = ""
		a.reconciler.now = func() time.Time { return time.Now().Add(24 * time.Hour).In(a.file.Zone()).Truncate(24 * time.Hour) }
		if err := a.reconciler.nightly(t.Context()); err != nil {
			t.Fatal(err)
		}
		whole(string(taken.ID))
	}
	if n := testutil.ToFloat64(a.recorder.Missing()) - refused; n != 1 || testutil.ToFloat64(a.reconciler.found) != 1 {
		t.Errorf("%v are counted as missing, %v as unexplained", n, testutil.ToFloat64(a.reconciler.found))
	}
	events, err := a.store.Events(t.Context(), taken.ID)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, e := range events {
		if e.Name == "recording.missing" && e.Data["reason"] == "unexplained" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("it is told %d times: %v", told, events)
	}
	a.Close()
	a = startApp(t, Options{File: config(t, dir), Now: now})
	defer a.Close()
	whole(string(taken.ID))
}

// The proof is given once a night, and not by day, when people call.
func TestTheProofIsGivenAtNight(t *testing.T) {
	a := startApp(t, Options{File: config(t, t.TempDir())})
	defer a.Close()
	r := a.reconciler
	at := func(clock string) (given bool) {
		t.Helper()
		when, err := time.ParseInLocation("2006-01-02 15:04", clock, a.file.Zone())
		if err != nil {
			t.Fatal(err)
		}
		r.now = func() time.Time { return when }
		r.proved.Set(0)
		if err := r.nightly(t.Context()); err != nil {
			t.Fatal(err)
		}
		return testutil.ToFloat64(r.proved) != 0
	}
	for _, c := range []struct {
		clock string
		given bool
	}{{"2026-12-05 02:59", false}, {"2026-12-05 03:05", true}, {"2026-12-05 03:15", false}, {"2026-12-05 23:00", false}, {"2026-12-06 02:00", false}, {"2026-12-06 05:00", true}} {
		if given := at(c.clock); given != c.given {
			t.Errorf("at %s the proof is given: %v", c.clock, given)
		}
	}
}

// ended are the records that are closed.
func ended(t *testing.T, a *App) (rows []call.Record) {
	t.Helper()
	all, err := a.store.Calls(t.Context(), store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if !r.Ended.IsZero() {
			rows = append(rows, r)
		}
	}
	return rows
}

// What has been spilled is no recording that is missing.
func TestSpilledIsKept(t *testing.T) {
	data, second := t.TempDir(), t.TempDir()
	r := call.Record{Recording: "recordings/2026/03/01/x.rec"}
	for _, c := range []struct {
		second string
		want   bool
	}{{second, true}, {t.TempDir(), false}, {"", false}} {
		file := filepath.Join(second, "2026/03/01/x.rec")
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := (folder{data: data, second: c.second}).isKept(r); err != nil || got != c.want {
			t.Errorf("with the second directory %q: %v, %v", c.second, got, err)
		}
	}
}
