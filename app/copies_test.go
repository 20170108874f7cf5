package app

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/configs"
	"hotline/control"
	"hotline/desk"
	"hotline/recording"
	"hotline/recording/access"
	"hotline/store"
)

// copyHouse is a data folder with two calls of one number, one of them with the number withheld, and a case.
type copyHouse struct {
	file       *configs.File
	first      call.ID
	day        time.Time // of the calls, at noon
	caseNumber string
}

func newCopyHouse(t *testing.T) copyHouse {
	t.Helper()
	f := configs.Default()
	f.Data, f.Timezone = t.TempDir(), "Asia/Baku"
	f.Numbers.Country, f.Numbers.National, f.Numbers.International = "994", "0", "00"
	now := time.Now().In(f.Zone())
	h := copyHouse{file: f, day: time.Date(now.Year(), now.Month(), now.Day()-3, 12, 0, 0, 0, f.Zone())}
	h.first = recorded(t, f, "+994125550100", h.day)
	s := h.open(t)
	defer s.Close()
	for name, role := range map[string]string{"nigar": "supervisor", "rena": "chief"} {
		if err := s.AddUser(t.Context(), store.User{Name: name, Role: role, Languages: []call.Language{"az"}}, "a long password of hers"); err != nil {
			t.Fatal(err)
		}
	}
	hidden := call.Record{ID: call.NewID(), Line: "919", From: "+994125550100", Withheld: true, Arrived: h.day, Answered: h.day, Ended: h.day.Add(time.Second), Outcome: call.Completed}
	if err := s.Closed(hidden); err != nil {
		t.Fatal(err)
	}
	k, _, err := s.OpenCase(t.Context(), call.Case{ID: call.NewID(), Call: h.first, From: "+994125550100", Opened: h.day, Due: h.day, Forward: h.day, Matter: call.MatterComplaint, Confidential: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.caseNumber = k.Number
	return h
}

func (h copyHouse) open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: h.file.Data, Log: zap.NewNop(), Metrics: unseen()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// copies is the register itself, over the house's rows.
func (h copyHouse) copies(t *testing.T, s *store.Store, now func() time.Time) *copies {
	t.Helper()
	e, err := openEvidence(h.file.Data)
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKeeper(keepOptions{folder: folder{store: s, data: h.file.Data, evidence: func() (*evidence, error) { return e, nil }, file: func() *configs.File { return h.file }}, metrics: unseen(), now: time.Now, log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(k.Close(), e.Close()); err != nil {
			t.Error(err)
		}
	})
	return newCopies(k, now, zap.NewNop())
}

// client is the commands' way with no server running.
func (h copyHouse) client(t *testing.T) *control.Client {
	t.Helper()
	client, done, err := Client(h.file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(done)
	return client
}

// A citizen's call is found by number and day, however the number is spelt, and by the number of a case; nobody's
// number is shown, and one that was withheld is not used.
func TestACallIsFoundForItsCopy(t *testing.T) {
	h := newCopyHouse(t)
	client := h.client(t)
	day, dayAfter := h.day.Format(time.DateOnly), h.day.AddDate(0, 0, 1).Format(time.DateOnly)
	for _, c := range []struct {
		ask   control.CopyFind
		found int
	}{
		{control.CopyFind{Number: "+994125550100", Date: day}, 1}, {control.CopyFind{Number: "012 555 01 00", Date: day}, 1},
		{control.CopyFind{Number: "00994125550100", Date: day}, 1}, {control.CopyFind{Number: "0125550101", Date: day}, 0},
		{control.CopyFind{Number: "0125550100", Date: dayAfter}, 0}, {control.CopyFind{Case: h.caseNumber}, 1},
		{control.CopyFind{Case: h.caseNumber, Number: "0125550101"}, 0}, {control.CopyFind{Case: h.caseNumber, Date: dayAfter}, 0},
	} {
		c.ask.By = "nigar"
		got, err := client.FindCopy(context.Background(), c.ask)
		if err != nil || len(got.Calls) != c.found {
			t.Errorf("%+v finds %d calls, not %d, %v", c.ask, len(got.Calls), c.found, err)
			continue
		}
		for _, k := range got.Calls {
			if k.Call != string(h.first) || k.Number != "***00" || !k.Recorded || k.LengthMS != 2000 || k.RightDays < 85 || k.RightDays > 90 {
				t.Errorf("%+v finds %+v", c.ask, k)
			}
		}
	}
	for _, bad := range []control.CopyFind{{Number: "0125550100", Date: "25.11.2026", By: "x"}, {Number: "0125550100", By: "x"}, {Case: "2026-000777", By: "x"}, {Case: h.caseNumber}} {
		if _, err := client.FindCopy(context.Background(), bad); err == nil {
			t.Errorf("%+v is answered", bad)
		}
	}
	if k, err := client.Cases(context.Background(), control.CaseFilter{}); err == nil {
		t.Errorf("cases without a server: %+v", k)
	}
}

// The look at a confidential case is in its history.
func TestALookByACaseIsWrittenDown(t *testing.T) {
	h := newCopyHouse(t)
	client, done, err := Client(h.file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.FindCopy(context.Background(), control.CopyFind{Case: h.caseNumber, By: "nigar"}); err != nil {
		t.Fatal(err)
	}
	done()
	s := h.open(t)
	defer s.Close()
	k, err := s.CaseOf(t.Context(), h.caseNumber)
	if err != nil || k.History[len(k.History)-1].What != "looked.copy" || k.History[len(k.History)-1].By != "nigar" {
		t.Errorf("the history is %+v, %v", k.History, err)
	}
}

// guarded is a writer that demands, at the first byte, that the access was written down.
type guarded struct {
	bytes.Buffer
	t     *testing.T
	data  string
	who   string
	begun bool
}

func (g *guarded) Write(b []byte) (int, error) {
	if !g.begun {
		g.begun = true
		line, err := os.ReadFile(filepath.Join(g.data, "access", "access.jsonl"))
		if err != nil || !bytes.Contains(line, []byte(`"who":"`+g.who+`"`)) || !bytes.Contains(line, []byte(`"do":"copy"`)) {
			g.t.Errorf("a byte leaves and nobody is written down: %s, %v", line, err)
		}
	}
	return g.Buffer.Write(b)
}

// A request goes its way: registered, made in two forms, delivered; each step is in its history and in the call's
// journal, and no copy leaves before who makes it is written down.
func TestARequestForACopyFromAskingToHaving(t *testing.T) {
	ctx := context.Background()
	h := newCopyHouse(t)
	client := h.client(t)
	made, err := client.RequestCopy(ctx, control.CopyRequest{Call: string(h.first)[:20], Name: "A. Aliyeva", Checked: "leyla", By: "nigar", Why: "came to the office"})
	if err != nil {
		t.Fatal(err)
	}
	if made.Call != string(h.first) || made.State != "asked" || made.Late || made.DueDays < 7 || made.DueDays > 20 || !strings.HasPrefix(made.Number, "R-") {
		t.Errorf("the request is %+v", made)
	}
	// Something confidential was left in the call.
	refusedWith(t, client.MakeCopy(ctx, failingWriter{t}, made.Number, control.CopyMake{By: "nigar"}), "the chief's to hear")
	for i, silence := range []string{"", "operator"} {
		out := &guarded{t: t, data: h.file.Data, who: "rena"}
		if err := client.MakeCopy(ctx, out, made.Number, control.CopyMake{By: "rena", Silence: silence}); err != nil {
			t.Fatal(err)
		}
		log, err := os.ReadFile(filepath.Join(h.file.Data, "access", "access.jsonl"))
		if err != nil || bytes.Count(log, []byte("\n")) != i+2 {
			t.Errorf("the log of accesses has %s, %v", log, err)
		}
		z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil || len(z.File) != 8 {
			t.Fatalf("the ZIP has %d files, %v", len(z.File), err)
		}
		dir := t.TempDir()
		if err := os.CopyFS(dir, z); err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(dir, "copy-"+made.Number)
		for _, line := range howTo(t, dir) {
			cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
			cmd.Dir = dir
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", line, err, said)
			}
		}
		now, err := client.Copy(ctx, made.Number)
		if err != nil || now.State != "made" || now.Silence != silence || len(now.Digest) != 64 {
			t.Errorf("after it was made: %+v, %v", now, err)
		}
	}
	if _, err := client.CloseCopy(ctx, made.Number, control.CopyClose{Do: "deliver", By: "nigar", Text: "handed over"}); err != nil {
		t.Fatal(err)
	}
	if err := client.MakeCopy(ctx, failingWriter{t}, made.Number, control.CopyMake{By: "nigar"}); err == nil {
		t.Error("a request that is over is made again")
	}
	now, err := client.Copy(ctx, made.Number)
	var what []string
	for _, e := range now.History {
		what = append(what, e.By+" "+e.What)
	}
	if got := strings.Join(what, ", "); err != nil || got != "nigar asked, rena made, rena made, nigar delivered" {
		t.Errorf("the history is %s, %v", got, err)
	}
	story, err := client.Trace(ctx, string(h.first))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range story.Events {
		if strings.HasPrefix(e.Name, "copy.") {
			names = append(names, e.Name+" "+e.Data["request"])
		}
		if strings.Contains(strings.Join([]string{e.Data["name"], e.Data["by"]}, " "), "Aliyeva") {
			t.Errorf("the journal names the caller: %v", e)
		}
	}
	if len(names) != 4 || names[0] != "copy.requested "+made.Number {
		t.Errorf("the call's journal has %v", names)
	}
	open, err := client.Copies(ctx, false)
	all, err2 := client.Copies(ctx, true)
	if err := errors.Join(err, err2); err != nil || len(open.Copies) != 0 || len(all.Copies) != 1 {
		t.Errorf("%d are open of %d, %v", len(open.Copies), len(all.Copies), err)
	}
}

// howTo are the commands of the English text.
func howTo(t *testing.T, dir string) (list []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "HOW-TO-VERIFY.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "\nEnglish\n")
	text, _, _ = strings.Cut(text, "\n====")
	for l := range strings.Lines(text) {
		if c, ok := strings.CutPrefix(l, "    "); ok {
			list = append(list, strings.TrimSpace(c))
		}
	}
	if len(list) < 3 {
		t.Fatalf("the text has %d commands", len(list))
	}
	return list
}

// failingWriter must not be written to.
type failingWriter struct{ t *testing.T }

func (f failingWriter) Write(b []byte) (int, error) {
	f.t.Errorf("%d bytes left", len(b))
	return len(b), nil
}

// Where the access cannot be written down, where the sound was changed, and where there is none, no byte leaves and
// the request is as it was.
func TestNoCopyLeaves(t *testing.T) {
	ctx := t.Context()
	h := newCopyHouse(t)
	s := h.open(t)
	defer s.Close()
	c := h.copies(t, s, time.Now)
	k, err := c.Request(ctx, wire.CopyRequest{Call: string(h.first), Checked: "leyla", By: "nigar", Why: "by letter"})
	if err != nil {
		t.Fatal(err)
	}
	shut := errors.New("the log is full")
	try := func(what string, want error) {
		t.Helper()
		if err := c.Make(ctx, failingWriter{t}, k.Number, wire.CopyMake{By: "rena"}); !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		if now, err := c.Copy(ctx, k.Number); err != nil || now.State != "asked" {
			t.Errorf("%s: the request is %s, %v", what, now.State, err)
		}
	}
	ask := c.ask
	c.ask = func(context.Context, access.Entry) error { return shut }
	try("nobody can be written down", shut)
	c.ask = ask
	if err := c.Make(ctx, failingWriter{t}, k.Number, wire.CopyMake{By: "rena", Silence: "music"}); !errors.Is(err, desk.ErrInvalid) {
		t.Errorf("music is silenced: %v", err)
	}
	seen, err := recording.See(filepath.Join(h.file.Data, "recordings"), h.first, nil)
	if err != nil {
		t.Fatal(err)
	}
	wav := filepath.Join(h.file.Data, seen.Path)
	b, err := os.ReadFile(wav)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(wav, b, 0o600); err != nil {
		t.Fatal(err)
	}
	try("the sound was changed", desk.ErrInvalid)
	if err := os.RemoveAll(filepath.Join(h.file.Data, "recordings")); err != nil {
		t.Fatal(err)
	}
	try("the recording is gone", desk.ErrNotFound)
	if _, err := c.Close(ctx, k.Number, wire.CopyClose{Do: "refuse", By: "nigar", Text: "there is no recording"}); err != nil {
		t.Error(err)
	}
}

// Of what is erased no copy leaves, not even where its sound is still there: it could not be taken away, or a backup
// has brought it back.
func TestNoCopyLeavesOfWhatIsErased(t *testing.T) {
	ctx := t.Context()
	a := keepArchive(t, map[string]time.Time{"due": time.Now().AddDate(-1, -1, 0)})
	app, client := a.start(t)
	defer app.Close()
	sound := filepath.Join(a.dir, a.calls["due"].Recording)
	b, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.ClockIsRight(ctx, control.Decision{By: "rena", Why: because}); err != nil {
		t.Fatal(err)
	}
	if err := app.keeper.reaper.Pass(ctx); err != nil || a.there(t, "due") {
		t.Fatalf("not erased: %v", err)
	}
	if err := os.WriteFile(sound, b, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := client.RequestCopy(ctx, control.CopyRequest{Call: a.id("due"), Checked: "leyla", By: "sara", Why: "by letter", Late: true})
	if err != nil {
		t.Fatal(err)
	}
	refusedWith(t, client.MakeCopy(ctx, failingWriter{t}, k.Number, control.CopyMake{By: "sara"}), "erased")
}

// The sum of an encrypted file is not that of the sound in the copy.
func TestTheSumOfAnEncryptedRecording(t *testing.T) {
	for manifest, want := range map[string]string{
		`{"sha256":"ab"}`: "ab", `{"encrypted":null,"sha256":"ab"}`: "ab", `{"encrypted":{"key":"k"},"sha256":"ab"}`: "",
	} {
		if got := plainSum(recording.Seen{Manifest: []byte(manifest), SHA256: "ab"}); got != want {
			t.Errorf("%s: %q", manifest, got)
		}
	}
}

// The three months are counted in the zone of the body; afterwards a request is registered only on demand.
func TestTheClockOfTheRight(t *testing.T) {
	ctx := t.Context()
	h := newCopyHouse(t)
	s := h.open(t)
	defer s.Close()
	now := time.Now()
	c := h.copies(t, s, func() time.Time { return now })
	ask := wire.CopyRequest{Call: string(h.first), Checked: "leyla", By: "nigar", Why: "by letter"}
	last := h.day.AddDate(0, 3, 0)
	if last.Day() != h.day.Day() {
		last = last.AddDate(0, 0, -last.Day())
	}
	now = time.Date(last.Year(), last.Month(), last.Day(), 23, 59, 58, 0, h.file.Zone())
	if k, err := c.Request(ctx, ask); err != nil || k.RightDays != 0 || k.Late {
		t.Errorf("on the last day: %+v, %v", k, err)
	}
	now = now.Add(2 * time.Second)
	if _, err := c.Request(ctx, ask); !errors.Is(err, desk.ErrInvalid) || !strings.Contains(err.Error(), "three months") {
		t.Errorf("the day after: %v", err)
	}
	ask.Late = true
	k, err := c.Request(ctx, ask)
	if err != nil || !k.Late || k.RightDays != -1 || k.History[0].What != "asked.late" {
		t.Errorf("the day after, on demand: %+v, %v", k, err)
	}
	if k.DueDays < 7 {
		t.Errorf("it is due in %d days", k.DueDays)
	}
}
