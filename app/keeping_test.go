package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
	"hotline/control"
	"hotline/recording"
	"hotline/recording/purge"
	"hotline/store"
)

// An archive is a data folder with people, and with recordings as the recorder makes them, of any day.
type archive struct {
	dir   string
	zone  *time.Location
	calls map[string]call.Record // by what they are for
}

// keepArchive fills a folder: old calls, whose time is over, and young ones.
func keepArchive(t *testing.T, names map[string]time.Time) *archive {
	t.Helper()
	f := config(t, t.TempDir())
	a := &archive{dir: f.Data, zone: f.Zone(), calls: map[string]call.Record{}}
	s, err := store.Open(store.Options{Dir: a.dir, Log: zap.NewNop(), Metrics: unseen()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, role := range map[string]string{"rena": "chief", "sara": "supervisor", "aydin": "admin", "leyla": "operator"} {
		u := store.User{Name: name, Role: role, Languages: []call.Language{"az"}}
		if err := s.AddUser(t.Context(), u, "a long password of hers"); err != nil {
			t.Fatal(err)
		}
	}
	rec, err := recording.New(recording.Options{Dir: filepath.Join(a.dir, "recordings"), Node: "test", Zone: a.zone, Format: recording.PCM16, Log: zap.NewNop(), Metrics: unseen()})
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	for name, ended := range names {
		r := call.Record{ID: call.NewID(), Line: "919", From: "+994501112233", Queue: "general", Arrived: ended.Add(-3 * time.Second), Answered: ended.Add(-2 * time.Second), Ended: ended, Outcome: call.Completed}
		g, err := rec.Open(recording.Meta{Call: r.ID, Line: r.Line, Arrived: r.Arrived, Answered: r.Answered, Codec: call.PCMA})
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := g.Seal(timeout(t, 10*time.Second), ended)
		if err != nil {
			t.Fatal(err)
		}
		r.Recording = sealed.Path
		if err := s.Closed(r); err != nil {
			t.Fatal(err)
		}
		a.calls[name] = r
	}
	return a
}

// file is a server's configuration on the archive.
func (a *archive) start(t *testing.T, extra ...string) (*App, *control.Client) {
	t.Helper()
	app := startApp(t, Options{File: config(t, a.dir, extra...)})
	client, err := control.Dial(a.dir)
	if err != nil {
		t.Fatal(err)
	}
	return app, client
}

func (a *archive) id(name string) string { return string(a.calls[name].ID) }

// there says whether the sound of a call is there.
func (a *archive) there(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(a.dir, a.calls[name].Recording))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// refusedWith demands that something is refused, for a reason.
func refusedWith(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want %q", err, says)
	}
}

const because = "a citizen has complained about it"

func TestWhoMayHear(t *testing.T) {
	a := keepArchive(t, map[string]time.Time{"one": time.Now().Add(-time.Hour)})
	app, client := a.start(t)
	defer app.Close()
	ctx, id := t.Context(), a.id("one")
	hear := func(by, why string) ([]byte, error) {
		var b bytes.Buffer
		err := client.Sound(ctx, id[:30], control.Listen{By: by, Why: why}, &b)
		return b.Bytes(), err
	}
	want, err := os.ReadFile(filepath.Join(a.dir, a.calls["one"].Recording))
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []string{"rena", "sara"} {
		if got, err := hear(by, because); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s heard %d bytes of %d, %v", by, len(got), len(want), err)
		}
	}
	for by, says := range map[string]string{"aydin": "cannot hear", "leyla": "may not play", "nobody": "name a user of the hotline", "": "nobody says who asks"} {
		got, err := hear(by, because)
		refusedWith(t, err, says)
		if len(got) != 0 {
			t.Errorf("%q got %d bytes", by, len(got))
		}
	}
	_, err = hear("rena", "because")
	refusedWith(t, err, "say why in three words or more")
	log, err := client.Accesses(ctx, control.AccessFilter{Call: id, Most: 100})
	if err != nil || len(log.Accesses) != 7 {
		t.Fatalf("the log has %+v, %v", log, err)
	}
	for i, e := range log.Accesses {
		if !strings.HasPrefix(e.From, "console, uid "+strconv.Itoa(os.Getuid())) || e.Call != id || e.Do != "play" || (e.Refused == "") != (i < 2) {
			t.Errorf("written down: %+v", e)
		}
	}
	// A part of it, as browsers ask; each is written down.
	part := get(t, a.dir, "recordings/"+id+"/sound?"+url.Values{"by": {"rena"}, "why": {because}}.Encode(), "bytes=44-103")
	if part.StatusCode != http.StatusPartialContent || part.Header.Get("Content-Type") != "audio/wav" || part.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a part: %d %v", part.StatusCode, part.Header)
	}
	if b, err := io.ReadAll(part.Body); err != nil || !bytes.Equal(b, want[44:104]) {
		t.Errorf("a part: %d bytes, %v", len(b), err)
	}
	if v, err := client.VerifyAccesses(ctx); err != nil || v.Checked != 8 || v.Fault != nil {
		t.Errorf("verified %+v, %v", v, err)
	}
	// With a log that takes nothing nobody hears anything.
	if err := app.keeper.ends[0](); err != nil {
		t.Fatal(err)
	}
	got, err := hear("rena", because)
	refusedWith(t, err, "cannot be written")
	if len(got) != 0 {
		t.Errorf("%d bytes left without a line in the log", len(got))
	}
	if resp := get(t, a.dir, "recordings/"+id+"/sound?by=rena&why="+url.QueryEscape(because), ""); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answered %d", resp.StatusCode)
	}
	if got := timesAsked(t, app, "play", "unwritten"); got != 2 {
		t.Errorf("%v counted", got)
	}
}

// timesAsked is how often somebody asked for recordings, with a result.
func timesAsked(t *testing.T, a *App, do, result string) float64 {
	t.Helper()
	families, err := a.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if l := m.GetLabel(); f.GetName() == "hotline_recording_access_total" && l[0].GetValue() == do && l[1].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("nothing counts %s, %s", do, result)
	return 0
}

// get asks the control socket as a program of its own would.
func get(t *testing.T, dir, path, span string) *http.Response {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, control.Socket))
	}}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://hotline/api/v1/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if span != "" {
		r.Header.Set("Range", span)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// A house of old and young recordings, through the commands' socket: who holds, who lifts, what goes, what is proven.
func TestRecordingsAreErasedWhenDue(t *testing.T) {
	old := time.Now().AddDate(-1, 0, -10)
	a := keepArchive(t, map[string]time.Time{
		"due": old, "held": old, "number": old, "class": time.Now().AddDate(0, -6, 0), "young": time.Now().AddDate(0, 0, -1), "ordered": time.Now().AddDate(0, -4, 0),
	})
	app, client := a.start(t, "recording: {classes: [{name: short, keep: 5mo, queues: [general], lines: [\"919\"]}, {name: other, keep: 24mo, matters: [complaint]}]}")
	defer app.Close()
	ctx := t.Context()

	// A folder with recordings where nobody knows when the server ran last: the clock is not believed.
	plan, err := client.PurgePlan(ctx)
	if err != nil || plan.Stopped == nil || len(plan.Due) != 4 || len(plan.Held) != 0 || plan.Next == nil || plan.Next.ID != a.id("ordered") {
		t.Fatalf("planned %+v, %v", plan, err)
	}
	if err := app.keeper.reaper.Pass(ctx); !errors.Is(err, purge.ErrClock) {
		t.Errorf("got %v", err)
	}
	refusedWith(t, client.ClockIsRight(ctx, control.Decision{By: "sara", Why: because}), "may not clock")
	if err := client.ClockIsRight(ctx, control.Decision{By: "aydin", Why: "I looked at the clock"}); err != nil {
		t.Fatal(err)
	}

	// Holds.
	_, err = client.Hold(ctx, control.NewHold{Call: a.id("held"), By: "leyla", Why: because})
	refusedWith(t, err, "may not hold")
	_, err = client.Hold(ctx, control.NewHold{By: "sara", Why: because})
	refusedWith(t, err, "name one of both")
	_, err = client.Hold(ctx, control.NewHold{Number: "+994509999999", By: "sara", Why: because})
	refusedWith(t, err, "nobody has called")
	held, err := client.Hold(ctx, control.NewHold{Call: a.id("held"), By: "sara", Why: because})
	if err != nil || !held.Binds || len(held.Calls) != 1 {
		t.Fatalf("held %+v, %v", held, err)
	}
	all, err := client.Hold(ctx, control.NewHold{Number: "050 111 22 33", By: "sara", Why: because})
	if err != nil || len(all.Calls) != 6 {
		t.Fatalf("held %+v, %v", all, err)
	}
	_, err = client.LiftHold(ctx, all.ID, control.Decision{By: "rena", With: "rena", Why: because})
	refusedWith(t, err, "cannot be the second person")
	_, err = client.LiftHold(ctx, all.ID, control.Decision{By: "rena", With: "leyla", Why: because})
	refusedWith(t, err, "name a supervisor, a chief")
	_, err = client.LiftHold(ctx, all.ID, control.Decision{By: "sara", With: "rena", Why: because})
	refusedWith(t, err, "may not lift")
	if err := app.keeper.reaper.Pass(ctx); err != nil || !a.there(t, "due") {
		t.Errorf("under a hold on the number: %v", err)
	}
	if _, err = client.PurgeOne(ctx, a.id("ordered"), control.Decision{By: "rena", With: "sara", Why: because}); err == nil {
		t.Error("ordered away under a hold")
	}
	if got, err := client.LiftHold(ctx, all.ID, control.Decision{By: "rena", With: "sara", Why: because}); err != nil || got.Binds || got.LiftedWith != "sara" {
		t.Fatalf("lifted %+v, %v", got, err)
	}
	list, err := client.Holds(ctx, control.HoldFilter{})
	if err != nil || len(list.Holds) != 1 || list.Holds[0].ID != held.ID {
		t.Errorf("holds: %+v, %v", list, err)
	}
	if list, err = client.Holds(ctx, control.HoldFilter{All: true, Number: "+994501112233"}); err != nil || len(list.Holds) != 2 {
		t.Errorf("holds of a number: %+v, %v", list, err)
	}

	// What is due goes, and is proven.
	if err := app.keeper.reaper.Pass(ctx); err != nil {
		t.Fatal(err)
	}
	for name, stays := range map[string]bool{"due": false, "number": false, "class": false, "held": true, "young": true, "ordered": true} {
		if a.there(t, name) != stays {
			t.Errorf("%s: there is %v, want %v", name, a.there(t, name), stays)
		}
	}
	certificates, err := filepath.Glob(filepath.Join(a.dir, "certificates", "*.txt"))
	if err != nil || len(certificates) != 1 {
		t.Fatalf("certificates: %v, %v", certificates, err)
	}
	b, err := os.ReadFile(certificates[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{a.id("due"), a.id("class"), "ERASED: 3", "HELD BACK: 1", "hold 1 by sara: " + because, "short: 5 calendar months"} {
		if !strings.Contains(string(b), says) {
			t.Errorf("the certificate does not say %q:\n%s", says, b)
		}
	}
	var heard bytes.Buffer
	refusedWith(t, client.Sound(ctx, a.id("due"), control.Listen{By: "rena", Why: because}, &heard), "erased")
	_, err = client.Hold(ctx, control.NewHold{Call: a.id("due"), By: "sara", Why: because})
	refusedWith(t, err, "gone")

	// By order of two.
	done, err := client.PurgeOne(ctx, a.id("ordered"), control.Decision{By: "rena", With: "sara", Why: "order 3/2027 of the court"})
	if err != nil || len(done.Erased) != 1 || a.there(t, "ordered") {
		t.Fatalf("ordered away: %+v, %v", done, err)
	}
	if _, err := os.Stat(filepath.Join(a.dir, done.File)); err != nil {
		t.Error(err)
	}
	_, err = client.PurgeOne(ctx, a.id("young"), control.Decision{By: "rena", With: "sara", Why: "order 3/2027 of the court"})
	refusedWith(t, err, "not before")

	// Nothing of it is missing, and the rows and the journals know.
	v, err := client.Verify(ctx)
	if err != nil || len(v.Faults) != 0 || v.Checked != 6 {
		t.Errorf("verified %+v, %v", v, err)
	}
	evidence, err := client.Evidence(ctx)
	if err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(t.TempDir(), "node.pem")
	if err := os.WriteFile(public, []byte(evidence.Key), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(ctx, "../scripts/verify-chain.sh", filepath.Join(a.dir, "recordings"), public).CombinedOutput(); err != nil {
		t.Errorf("openssl and sha256sum say: %v: %s", err, out)
	}
	if c, err := client.Completeness(ctx, time.Time{}); err != nil || len(c.Missing) != 0 || c.Recorded != 6 {
		t.Errorf("completeness: %+v, %v", c, err)
	}
	recordings, err := client.Recordings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	erased := 0
	for _, r := range recordings.Recordings {
		if r.State == recording.StateErased {
			erased++
		}
	}
	if erased != 4 {
		t.Errorf("%d are listed as erased: %+v", erased, recordings)
	}
	trace, err := client.Trace(ctx, a.id("due"))
	if err != nil {
		t.Fatal(err)
	}
	var story []string
	for _, e := range trace.Events {
		story = append(story, e.Name)
	}
	if got := strings.Join(story, " "); got != "recording.held recording.released recording.erased" {
		t.Errorf("its journal: %s", got)
	}
	if v, err := client.VerifyAccesses(ctx); err != nil || v.Fault != nil || v.Checked < 12 {
		t.Errorf("verified %+v, %v", v, err)
	}
}

// A recording of a call that has a case stays until the case is closed, and its message goes with it.
func TestACaseKeepsRecordingAndMessage(t *testing.T) {
	old := time.Now().AddDate(-2, 0, 0)
	a := keepArchive(t, map[string]time.Time{"complaint": old})
	app, client := a.start(t)
	ctx := t.Context()
	m, err := app.register.messages.Keep(ctx, call.Message{ID: call.NewID(), Call: a.calls["complaint"].ID, Line: "919", From: "+994501112233", Language: "az", Kind: call.MatterComplaint, At: old}, make([]int16, 800))
	if err != nil {
		t.Fatal(err)
	}
	c, err := app.register.make(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	message := filepath.Join(a.dir, m.Path)
	if err := client.ClockIsRight(ctx, control.Decision{By: "rena", Why: because}); err != nil {
		t.Fatal(err)
	}
	if err := app.keeper.reaper.Pass(ctx); err != nil || !a.there(t, "complaint") {
		t.Fatalf("erased while its case is open: %v", err)
	}
	plan, err := client.PurgePlan(ctx)
	if err != nil || len(plan.Held) != 2 || !strings.Contains(plan.Held[0].Why, "case "+c.Number+" is open") {
		t.Errorf("planned %+v, %v", plan, err)
	}
	// Closed long ago.
	at := old.AddDate(0, 1, 0)
	if _, err := app.store.ChangeCase(ctx, c.Number, store.CaseChange{Entry: call.CaseEntry{At: at, By: "rena", What: "closed"}, State: call.CaseClosed}); err != nil {
		t.Fatal(err)
	}
	if err := app.keeper.reaper.Pass(ctx); err != nil || a.there(t, "complaint") {
		t.Fatalf("its case was closed long ago: %v", err)
	}
	left, err := filepath.Glob(strings.TrimSuffix(message, ".wav") + "*")
	if err != nil || len(left) != 1 || filepath.Ext(left[0]) != ".gone" {
		t.Errorf("of the message there is %v, %v", left, err)
	}
	if b, err := os.ReadFile(left[0]); err != nil || strings.Contains(string(b), "1112233") {
		t.Errorf("its tombstone has the number: %v", err)
	}
	if v, err := client.Verify(ctx); err != nil || len(v.Faults) != 0 {
		t.Errorf("verified %+v, %v", v, err)
	}
	if err := app.Close(); err != nil {
		t.Fatal(err)
	}
	// Without a server, on the folder itself.
	alone, done, err := Client(config(t, a.dir))
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if v, err := alone.VerifyAccesses(ctx); err != nil || v.Fault != nil || v.Checked != 3 {
		t.Errorf("verified %+v, %v", v, err)
	}
	d, err := alone.Disk(ctx)
	if err != nil || d.SizeBytes == 0 || d.KeptBytes != 0 || d.FullInSeconds != nil {
		t.Errorf("the disk: %+v, %v", d, err)
	}
}

// As long as a citizen waits for a copy, what it is to be made of stays.
func TestARequestForACopyKeepsTheRecording(t *testing.T) {
	a := keepArchive(t, map[string]time.Time{"one": time.Now().AddDate(-2, 0, 0)})
	app, client := a.start(t)
	defer app.Close()
	ctx := t.Context()
	if err := client.ClockIsRight(ctx, control.Decision{By: "rena", Why: because}); err != nil {
		t.Fatal(err)
	}
	made, err := client.RequestCopy(ctx, control.CopyRequest{Call: a.id("one"), Checked: "sara", By: "sara", Why: "came to the office", Late: true})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := client.PurgePlan(ctx)
	if err != nil || len(plan.Due) != 0 || len(plan.Held) != 1 || plan.Held[0].Why != "a citizen waits for a copy, request "+made.Number {
		t.Errorf("planned %+v, %v", plan, err)
	}
	if err := app.keeper.reaper.Pass(ctx); err != nil || !a.there(t, "one") {
		t.Errorf("erased under a request: %v", err)
	}
	if _, err := client.CloseCopy(ctx, made.Number, control.CopyClose{Do: "refuse", By: "sara", Text: "it was another's call"}); err != nil {
		t.Fatal(err)
	}
	if err := app.keeper.reaper.Pass(ctx); err != nil || a.there(t, "one") {
		t.Errorf("the request is closed: %v", err)
	}
}

func TestRoomIsSaidOnce(t *testing.T) {
	core, seen := observer.New(zapcore.InfoLevel)
	k := &keeper{log: zap.New(core)}
	level := 0
	for i, c := range []struct {
		share float64
		level int
		lines int
	}{{0.5, 0, 0}, {0.21, 0, 0}, {0.19, 1, 1}, {0.195, 1, 1}, {0.205, 1, 1}, {0.199, 1, 1}, {0.22, 0, 2}, {0.15, 1, 3}, {0.09, 2, 4}, {0.105, 2, 4}, {0.12, 1, 5}, {0.05, 2, 6}, {0.5, 0, 7}} {
		level = k.sayRoom(level, c.share, 1000)
		if level != c.level || seen.Len() != c.lines {
			t.Errorf("step %d, %v free: level %d, %d lines; want %d, %d", i, c.share, level, seen.Len(), c.level, c.lines)
		}
	}
}
