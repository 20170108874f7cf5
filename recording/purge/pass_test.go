package purge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/recording/retention"
)

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
	h.holds = []call.Hold{{ID: 1, Calls: []call.ID{caller}, By: "chief", Why: "a court"}}
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
