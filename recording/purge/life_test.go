package purge

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
	"hotline/recording/retention"
)

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
					k := call.Hold{ID: int64(len(h.holds) + 1), Calls: []call.ID{id}, By: "chief", Why: "a court", At: h.now}
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
	held := slices.ContainsFunc(h.holds, func(k call.Hold) bool { return k.Calls[0] == id && k.Binds(h.now) })
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
