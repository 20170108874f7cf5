package purge

import (
	"context"
	"errors"
	"strings"
	"testing"

	"hotline/call"
)

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
		h.holds = append(h.holds, call.Hold{ID: 2, Calls: []call.ID{nth(1), nth(2)}, By: "chief", Why: "a court", At: h.now})
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
