package purge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
	"hotline/recording/access"
	"hotline/recording/retention"
)

// old is a day whose recordings are due in the house's year, young one whose are not.
var (
	old   = time.Date(2026, 3, 2, 12, 0, 0, 0, baku)
	young = time.Date(2026, 9, 1, 12, 0, 0, 0, baku)
)

// street fills a house: what is due, plain and encrypted and a message; what a hold keeps; what a case keeps; what
// is young. It gives who must go and who must stay, with what lies of each.
func street(h *house) (goes []call.ID, stays map[call.ID]string) {
	goes = []call.ID{h.put(1, old, "wav", "peaks"), h.put(2, old, "rec", "key")}
	goes = append(goes, h.message(3, goes[0], old))
	held, open, closed := h.put(4, old, "wav"), h.put(5, old, "wav"), h.put(6, old, "wav")
	h.holds = []retention.Hold{{ID: 1, Calls: []call.ID{held}, By: "chief", Why: "court order 12/2026", At: old}}
	h.cases[open] = []call.Case{{Number: "2026-000001", State: call.CaseAnswered}}
	h.cases[closed] = []call.Case{{Number: "2026-000002", State: call.CaseClosed, Closed: young}}
	fresh := h.put(7, young, "wav")
	return goes, map[call.ID]string{held: "json wav", open: "json wav", closed: "json wav", fresh: "json wav"}
}

func TestPassErasesWhatIsDue(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	goes, stays := street(h)
	r := h.reaper(func(string) { h.promises(goes, stays) })
	defer r.Close()
	if err := r.Vouch("test"); err != nil { // a folder with recordings and no clock is not believed
		t.Fatal(err)
	}
	if err := r.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.over(goes, stays)
	c := h.certificates()
	if len(c) != 1 || len(c[0].Erased) != 3 || len(c[0].Held) != 3 || len(c[0].Rules) != 1 {
		t.Fatalf("got %d certificates: %+v", len(c), c)
	}
	why := map[call.ID]string{}
	for _, k := range c[0].Held {
		why[k.ID] = k.Why
	}
	for id, want := range map[call.ID]string{nth(4): "hold 1 by chief: court order 12/2026", nth(5): "case 2026-000001 is open", nth(6): "since case 2026-000002 was closed"} {
		if !strings.Contains(why[id], want) {
			t.Errorf("held back because %q, want %q", why[id], want)
		}
	}
	for _, e := range c[0].Erased {
		if e.Due.IsZero() || e.Class != retention.Standard || !strings.Contains(e.Rule, "12 months since the call ended on 2 March 2026") || e.Bytes == 0 || len(e.SHA256) != 64 {
			t.Errorf("certified: %+v", e)
		}
	}
	// A second pass has nothing to do and writes nothing.
	if err := r.Pass(t.Context()); err != nil || len(h.certificates()) != 1 {
		t.Errorf("a second pass: %v, %d certificates", err, len(h.certificates()))
	}
	// The hold is lifted: it goes with the next pass.
	h.holds[0].Lifted = h.time()
	delete(stays, nth(4))
	if err := r.Pass(t.Context()); err != nil || h.left(nth(4)) != "gone json" || len(h.certificates()) != 2 {
		t.Errorf("after the hold: %v, %q", err, h.left(nth(4)))
	}
}

// promises holds at every step: nothing that should stay has lost a byte; nothing is taken away that is not in the
// chain, with its tombstone; nothing is in the chain that is not in the log of accesses; no sound outlives its key
// the wrong way round.
func (h *house) promises(goes []call.ID, stays map[call.ID]string) {
	h.t.Helper()
	for id, files := range stays {
		if got := h.left(id); got != files {
			h.t.Fatalf("of %s, which is kept, there is %q, want %q", id, got, files)
		}
	}
	linked, asked := h.linked(), h.askedFor()
	whole := map[call.ID]string{nth(1): "json peaks wav", nth(2): "json key rec", nth(3): "json wav"}
	for _, id := range goes {
		left := strings.Replace(strings.Replace(h.left(id), "gone.tmp ", "", 1), "gone ", "", 1)
		if left != whole[id] {
			if !linked[id] || !strings.Contains(h.left(id), "gone") {
				h.t.Fatalf("%s has been begun to be taken away (%q) without a link or a tombstone", id, left)
			}
			if strings.Contains(left, "key") && !strings.Contains(left, "rec") {
				h.t.Fatalf("the sound of %s went before its key", id)
			}
		}
		of := id
		if id == nth(3) {
			of = nth(1)
		}
		if linked[id] && !asked[of] {
			h.t.Fatalf("%s is in the chain and not in the log of accesses", id)
		}
	}
}

// over says that all is done.
func (h *house) over(goes []call.ID, stays map[call.ID]string) {
	h.t.Helper()
	h.promises(goes, stays)
	for _, id := range goes {
		want := "gone json"
		if id == nth(3) {
			want = "gone" // the slip has the caller's number
		}
		if got := h.left(id); got != want {
			h.t.Errorf("of %s there is %q, want %q", id, got, want)
		}
		if !slices.Contains(h.told, id) {
			h.t.Errorf("nobody was told of %s", id)
		}
	}
	if _, err := os.Stat(filepath.Join(h.dir, planFile)); !errors.Is(err, fs.ErrNotExist) {
		h.t.Errorf("the plan is still there: %v", err)
	}
}

// memory is a folder in memory, where the machine has one: these tests sync thousands of times, and what a sync
// is for, a power cut, they do not try.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "hotline-purge")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A killed is the end of a process.
type killed struct{ step int }

// tryPass is a pass by a process that dies at its nth step; 0: never. It says whether it died.
func (h *house) tryPass(at int) (died bool) {
	h.t.Helper()
	n := 0
	r := h.reaper(func(string) {
		if n++; n == at {
			panic(killed{n})
		}
	})
	defer r.Close()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case killed:
			died = true
		default:
			panic(p)
		}
	}()
	if err := r.Vouch("test"); err != nil {
		h.t.Fatal(err)
	}
	if err := r.Pass(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	return false
}

// The process dies at each step in turn; the next one finishes. Each second of them dies once more on the way.
func TestKilledAtEveryStep(t *testing.T) {
	steps := 0
	for at := 1; ; at++ {
		h := newHouse(t, memory(t))
		goes, stays := street(h)
		died := h.tryPass(at)
		h.promises(goes, stays)
		if died && at%2 == 0 {
			h.tryPass(at / 2)
			h.promises(goes, stays)
		}
		h.tryPass(0)
		h.over(goes, stays)
		certified := map[call.ID]int{}
		for _, c := range h.certificates() {
			for _, e := range c.Erased {
				certified[e.ID]++
			}
		}
		for _, id := range goes {
			if certified[id] != 1 {
				t.Errorf("killed at step %d: %s is certified %d times", at, id, certified[id])
			}
		}
		if len(certified) != len(goes) {
			t.Errorf("killed at step %d: certified %v", at, certified)
		}
		h.close()
		if !died {
			steps = at - 1
			break
		}
	}
	t.Logf("%d places to die", steps)
	if steps < 20 {
		t.Errorf("only %d steps", steps)
	}
}

// A hold that comes between the death and the next start beats even the chain: what lies there yet stays.
func TestHoldAfterAKill(t *testing.T) {
	for at := 1; ; at++ {
		h := newHouse(t, memory(t))
		goes, stays := street(h)
		died := h.tryPass(at)
		h.holds = append(h.holds, retention.Hold{ID: 2, Calls: []call.ID{nth(1), nth(2)}, By: "chief", Why: "a court", At: h.now})
		before := map[call.ID]string{}
		for _, id := range goes {
			before[id] = h.left(id)
		}
		h.tryPass(0)
		for _, id := range goes {
			if strings.Contains(before[id], "json") && h.left(id) != before[id] {
				t.Errorf("killed at step %d, then held: of %s there was %q, now %q", at, id, before[id], h.left(id))
			}
		}
		h.holds = h.holds[:1]
		h.tryPass(0)
		h.over(goes, stays)
		h.close()
		if !died {
			break
		}
	}
}

// A certificate that was given out is not written anew, also where the process died before it had forgotten the run.
func TestACertificateStays(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	h.put(1, old, "wav")
	func() {
		defer func() { _ = recover() }()
		r := h.reaper(func(step string) {
			if step == "certified" {
				panic(killed{})
			}
		})
		defer r.Close()
		if err := errors.Join(r.Vouch("test"), r.Pass(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	first := h.certificates()
	if len(first) != 1 {
		t.Fatalf("%d certificates", len(first))
	}
	h.put(2, old, "wav")
	h.tryPass(0)
	both := h.certificates()
	if len(both) != 2 || both[0].Digest != first[0].Digest && both[1].Digest != first[0].Digest || len(both[0].Erased)+len(both[1].Erased) != 2 {
		t.Errorf("first %+v\nthen %+v", first, both)
	}
}

func TestKeyIsOverwritten(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	id := h.put(1, old, "rec", "key")
	path := filepath.Join(h.dir, "recordings/2026/03/02", string(id)+".key")
	// A second name of the same inode shows what is on the disk when the first is gone.
	if err := os.Link(path, filepath.Join(h.dir, "inode")); err != nil {
		t.Fatal(err)
	}
	h.tryPass(0)
	b, err := os.ReadFile(filepath.Join(h.dir, "inode"))
	if err != nil || len(b) != 300 || strings.Contains(string(b), "key") {
		t.Errorf("the key can still be read: %d bytes, %v", len(b), err)
	}
}

// What stands before the sound, or the chain, does not take it: then nothing is erased.
func TestNothingGoesUnwritten(t *testing.T) {
	for name, spoil := range map[string]func(*house){
		"access": func(h *house) { h.asked.Close() },
		"chain":  func(h *house) { h.erased.Close() },
		"rules":  func(h *house) { h.rules.Keep = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, memory(t))
			id := h.put(1, old, "wav")
			r := h.reaper(nil)
			defer r.Close()
			if err := r.Vouch("test"); err != nil {
				t.Fatal(err)
			}
			spoil(h)
			if err := r.Pass(t.Context()); err == nil || h.left(id) != "json wav" {
				t.Errorf("got %v, there is %q", err, h.left(id))
			}
		})
	}
}

// A copy elsewhere that cannot be reached keeps an erasure from being certified, and not the others.
func TestStuck(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	stuck, other := h.put(1, old, "wav"), h.put(2, old, "wav")
	h.away = func(e Erasure) error {
		if e.ID == stuck {
			return errors.New("the bucket does not answer")
		}
		return nil
	}
	r := h.reaper(nil)
	defer r.Close()
	if err := r.Vouch("test"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Pass(t.Context()); !errors.Is(err, ErrStuck) {
			t.Errorf("got %v", err)
		}
		if h.left(stuck) != "gone json wav" || h.left(other) != "gone json" || len(h.certificates()) != 1 {
			t.Errorf("there is %q and %q, %d certificates", h.left(stuck), h.left(other), len(h.certificates()))
		}
	}
	h.away = nil
	if err := r.Pass(t.Context()); err != nil || h.left(stuck) != "gone json" {
		t.Errorf("got %v, there is %q", err, h.left(stuck))
	}
	if c := h.certificates(); len(c) != 2 || c[0].Erased[0].ID == c[1].Erased[0].ID {
		t.Errorf("certified %+v", c)
	}
}

// As many as one certificate lists cannot be taken away: the pass ends all the same, each was tried once, the lock
// was given back between batches, and the next pass goes on.
func TestManyStuck(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	const n = most + batch
	for i := range n {
		h.put(i+1, old.AddDate(0, 0, -i/50), "wav")
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	tried, together := 0, 0
	h.away = func(Erasure) error {
		if tried++; tried > 2*n {
			stop()
		}
		return errors.New("the folder does not let go")
	}
	r := h.reaper(func(step string) {
		switch step {
		case "planned":
			together = 0
		case "away":
			if together++; together > batch {
				t.Fatal("more than a batch under the lock")
			}
		}
	})
	defer r.Close()
	if err := r.Vouch("test"); err != nil {
		t.Fatal(err)
	}
	if err := r.Pass(ctx); !errors.Is(err, ErrStuck) {
		t.Errorf("got %v", err)
	}
	if tried != n {
		t.Fatalf("%d were tried %d times in one pass", n, tried)
	}
	h.away = nil
	if err := r.Pass(ctx); err != nil {
		t.Error(err)
	}
	for i := range n {
		if got := h.left(nth(i + 1)); got != "gone json" {
			t.Fatalf("of %s there is %q", nth(i+1), got)
		}
	}
}

// What two persons have ordered is erased though the process dies over it and the rows do not answer to the next one.
func TestAnOrderOutlivesRowsThatDoNotAnswer(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	id := h.put(1, time.Date(2026, 10, 1, 12, 0, 0, 0, baku), "wav")
	func() {
		defer func() { _ = recover() }()
		r := h.reaper(func(step string) {
			if step == "planned" {
				panic(killed{})
			}
		})
		defer r.Close()
		if err := r.Vouch("test"); err != nil {
			t.Fatal(err)
		}
		_, err := r.Order(t.Context(), access.Entry{Who: "rena", With: "sara", Role: access.Chief, From: "console", Call: id, Why: "order 3/2027 of the court"},
			[]Thing{{ID: id, Kind: KindRecording, Path: h.records[id].Recording}})
		t.Errorf("it was to be killed: %v", err)
	}()
	r := h.reaper(nil)
	defer r.Close()
	if err := r.Vouch("test"); err != nil {
		t.Fatal(err)
	}
	h.rowless = errors.New("the database is locked")
	if err := r.Pass(t.Context()); !errors.Is(err, h.rowless) {
		t.Errorf("got %v", err)
	}
	h.rowless = nil
	if err := r.Pass(t.Context()); err != nil || h.left(id) != "gone json" {
		t.Errorf("got %v, there is %q", err, h.left(id))
	}
	if c := h.certificates(); len(c) != 1 || c[0].Erased[0].With != "sara" {
		t.Errorf("certified %+v", c)
	}
}

// Two certificates by the same rules say the same of them.
func TestRulesAreSaidInOneOrder(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	h.rules.Classes = []retention.Class{{Name: "long", Keep: 60, Lines: []string{"919"}, Queues: []string{"visas"}, Matters: []call.Matter{"complaint"}, Topics: []string{"roads"}}}
	r := h.reaper(nil)
	defer r.Close()
	for range 20 {
		c := r.certificate(r.newRun(nil))
		if want := "long: 60 calendar months; lines 919; queues visas; matters complaint; topics roads"; c.Rules[1] != want {
			t.Fatalf("got %q, want %q", c.Rules[1], want)
		}
	}
}

func TestOrder(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	goes, _ := street(h)
	ordered := h.put(8, time.Date(2026, 10, 1, 12, 0, 0, 0, baku), "rec", "key")
	tooYoung := h.put(9, time.Date(2027, 3, 16, 12, 0, 0, 0, baku), "wav")
	r := h.reaper(nil)
	defer r.Close()
	if err := r.Vouch("test"); err != nil {
		t.Fatal(err)
	}
	order := func(id call.ID, by, with, role, why string) (Certificate, error) {
		return r.Order(t.Context(), access.Entry{Who: by, With: with, Role: role, From: "console", Call: id, Why: why},
			[]Thing{{ID: id, Kind: KindRecording, Path: h.records[id].Recording}})
	}
	const why = "order 3/2027 of the court of Baku"
	for _, c := range []struct {
		id                  call.ID
		by, with, role, why string
		want                error
		says                string
	}{
		{ordered, "rena", "rena", access.Chief, why, ErrKept, "second person"},
		{ordered, "rena", "", access.Chief, why, ErrKept, "two persons"},
		{ordered, "rena", "sara", access.Supervisor, why, access.ErrRefused, "may not purge"},
		{ordered, "rena", "sara", access.Chief, "because", access.ErrRefused, "too little"},
		{nth(4), "rena", "sara", access.Chief, why, ErrKept, "hold 1 by chief"},
		{nth(5), "rena", "sara", access.Chief, why, ErrKept, "case 2026-000001 is open"},
		{tooYoung, "rena", "sara", access.Chief, why, ErrKept, "not before 17 June 2027"},
	} {
		before := h.left(c.id)
		if _, err := order(c.id, c.by, c.with, c.role, c.why); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || h.left(c.id) != before {
			t.Errorf("%s by %s (%s) with %s: %v; there is %q", c.id, c.by, c.role, c.with, err, h.left(c.id))
		}
	}
	c, err := order(ordered, "rena", "sara", access.Chief, why)
	if err != nil || h.left(ordered) != "gone json" {
		t.Fatalf("got %v, there is %q", err, h.left(ordered))
	}
	if len(c.Erased) != 1 || c.Erased[0].By != "rena" || c.Erased[0].With != "sara" || c.Erased[0].Why != why {
		t.Errorf("certified %+v", c)
	}
	if written := h.certificates(); len(written) != 1 || written[0].Signature == "" || written[0].Signature != c.Signature {
		t.Errorf("given back is %+v, written %+v", c, written)
	}
	if _, err := order(ordered, "rena", "sara", access.Chief, why); !errors.Is(err, ErrUnknown) {
		t.Errorf("erased twice: %v", err)
	}
	for _, id := range goes { // an order erases what it names and nothing else
		if strings.Contains(h.left(id), "gone") {
			t.Errorf("%s went too", id)
		}
	}
}

// What dates a recording, and what it belongs to: the row, the manifest, the folder, the latest of them; a call that
// is open, and a consult about a call that is kept, stay.
func TestWhatDatesARecording(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	path := func(id call.ID, ext string) string {
		return filepath.Join(h.dir, "recordings/2026/03/02", string(id)+ext)
	}
	open, noRow, damaged, alone, tampered, unsealed := h.put(1, old, "wav"), h.put(2, old, "wav"), h.put(3, old, "wav"), h.put(4, old, "wav"), h.put(5, old, "wav"), h.put(6, old, "wav")
	row := h.records[open]
	row.Ended = time.Time{}
	h.records[open] = row
	delete(h.records, noRow)
	h.write(path(damaged, ".json"), "{")
	h.write(path(alone, ".json"), "{")
	delete(h.records, alone)
	row = h.records[tampered] // somebody would have it gone sooner
	row.Ended = old.AddDate(-3, 0, 0)
	h.records[tampered] = row
	h.write(path(tampered, ".json"), fmt.Sprintf(`{"call":%q,"ended":%q}`, tampered, h.now.AddDate(0, -6, 0).Format(time.RFC3339)))
	if err := os.Remove(path(unsealed, ".json")); err != nil {
		t.Fatal(err)
	}
	caller, consult := h.put(7, old, "wav"), h.put(8, old, "wav")
	row = h.records[consult]
	row.Linked = caller
	h.records[consult] = row
	h.cases[caller] = []call.Case{{Number: "2026-000001", State: call.CaseRegistered}}
	h.tryPass(0)
	for id, want := range map[call.ID]string{
		open: "json wav", noRow: "gone json", damaged: "gone json", alone: "gone json", tampered: "json wav", unsealed: "wav", caller: "json wav", consult: "json wav",
	} {
		if got := h.left(id); got != want {
			t.Errorf("of %s there is %q, want %q", id, got, want)
		}
	}
	h.cases = map[call.ID][]call.Case{}
	// A consult has no queue of its own; the class of its call's counts.
	row = h.records[caller]
	row.Queue = "visas"
	h.records[caller] = row
	row = h.records[consult]
	row.Queue = ""
	h.records[consult] = row
	h.rules.Classes = []retention.Class{{Name: "long", Keep: 60, Queues: []string{"visas"}}}
	h.tryPass(0)
	if h.left(caller) != "json wav" || h.left(consult) != "json wav" {
		t.Errorf("a call of a long class: %q, its consult: %q", h.left(caller), h.left(consult))
	}
	h.rules.Classes = nil
	h.holds = []retention.Hold{{ID: 1, Calls: []call.ID{caller}, By: "chief", Why: "a court"}}
	h.tryPass(0)
	if h.left(consult) != "json wav" {
		t.Error("a consult about a call that is held was erased")
	}
	// Without row and manifest the folder's day counts, and two days more: a call may last into the next.
	h.put(9, h.now.AddDate(-1, 0, -2), "wav")
	delete(h.records, nth(9))
	h.write(filepath.Join(h.dir, "recordings", h.now.AddDate(-1, 0, -2).In(baku).Format("2006/01/02"), string(nth(9))+".json"), "{")
	h.tryPass(0)
	if h.left(nth(9)) != "json wav" {
		t.Error("a recording that only its folder dates went too soon")
	}
}

// The whole of it over random houses and random time: what is held is never erased, what is due is gone after the
// pass of its hour, nothing goes before three calendar months.
func TestLifeOfAHouse(t *testing.T) {
	root := memory(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		h := newHouse(t, filepath.Join(root, fmt.Sprint(n)))
		defer h.close()
		h.rules.Keep, h.rules.Cases = rapid.IntRange(3, 8).Draw(t, "keep"), rapid.IntRange(3, 8).Draw(t, "keep_cases")
		begin := h.now
		ended := map[call.ID]time.Time{}
		for i := range rapid.IntRange(1, 5).Draw(t, "recordings") {
			at := begin.Add(-time.Duration(rapid.IntRange(0, 24*400).Draw(t, "age")) * time.Hour)
			id := h.put(i, at, "wav")
			ended[id] = at
			if rapid.IntRange(0, 3).Draw(t, "case") == 0 {
				h.cases[id] = []call.Case{{Number: fmt.Sprint("2026-", i), State: call.CaseRegistered, Due: at.AddDate(0, 0, 15)}}
			}
		}
		r := h.reaper(nil)
		defer r.Close()
		if err := r.Vouch("test"); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(3, 12).Draw(t, "hours") {
			id := nth(rapid.IntRange(0, len(ended)-1).Draw(t, "of"))
			switch rapid.SampledFrom([]string{"hold", "lift", "close", "nothing"}).Draw(t, "event") {
			case "hold":
				if err := r.Holding(func() error {
					if r.IsErased(id, h.records[id].Recording) {
						return nil
					}
					k := retention.Hold{ID: int64(len(h.holds) + 1), Calls: []call.ID{id}, By: "chief", Why: "a court", At: h.now}
					if rapid.Bool().Draw(t, "ends") {
						k.Until = h.now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "until")) * time.Hour)
					}
					h.holds = append(h.holds, k)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			case "lift":
				for i := range h.holds {
					h.holds[i].Lifted = h.now
				}
			case "close":
				for i := range h.cases[id] {
					h.cases[id][i].State, h.cases[id][i].Closed = call.CaseClosed, h.now
				}
			}
			h.pass(time.Duration(rapid.IntRange(1, 24*60).Draw(t, "hours go by")) * time.Hour)
			if err := r.Pass(context.Background()); err != nil {
				t.Fatal(err)
			}
			for id, at := range ended {
				h.judgeOneself(id, at)
			}
		}
	})
}

// judgeOneself compares what became of a recording with what must have, counted here a second time.
func (h *house) judgeOneself(id call.ID, ended time.Time) {
	h.t.Helper()
	left := h.left(id)
	gone := left != "json wav"
	if gone && left != "gone json" {
		h.t.Fatalf("half erased: %q", left)
	}
	if gone && h.now.Before(ended.In(baku).AddDate(0, 3, 0)) {
		h.t.Fatalf("erased %v, under three months after %v", h.now, ended)
	}
	held := slices.ContainsFunc(h.holds, func(k retention.Hold) bool { return k.Calls[0] == id && k.Binds(h.now) })
	if held && gone {
		// A hold on what was erased before is not placed, so it was erased under it.
		h.t.Fatalf("%s was erased under a hold", id)
	}
	v := h.rules.Judge(retention.Subject{Call: id, Ended: ended}, h.cases[id], nil, h.now)
	if v.Erase(h.now) && !held && !gone {
		h.t.Fatalf("%s is due since %v and there at %v", id, v.Due, h.now)
	}
	if gone && !slices.Contains(h.told, id) {
		h.t.Fatalf("%s went and nobody was told", id)
	}
}
