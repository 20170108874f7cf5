package store

import (
	"context"
	"testing"
	"time"

	"hotline/call"
)

func TestWhatRetentionAsks(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	numbers := []call.Number{"+994501112233", "0501112233", "+994504445566", ""}
	var ids []call.ID
	for i, n := range numbers {
		r := call.Record{ID: call.NewID(), From: n, Line: "919", Arrived: t0.Add(time.Duration(i) * time.Minute), Ended: t0.Add(time.Hour), Outcome: call.Completed}
		must(t, s.Closed(r))
		ids = append(ids, r.ID)
	}
	got, err := s.Records(ctx, append([]call.ID{"nobody"}, ids[:2]...))
	must(t, err)
	if len(got) != 2 || got[ids[1]].From != "0501112233" || !got[ids[0]].Ended.Equal(t0.Add(time.Hour)) {
		t.Errorf("records: %+v", got)
	}
	same, err := s.CallsFrom(ctx, func(n call.Number) bool { return n == "+994501112233" || n == "0501112233" })
	must(t, err)
	if len(same) != 2 || same[0].ID != ids[0] || same[1].ID != ids[1] {
		t.Errorf("calls of a number: %+v", same)
	}
	c := aCase("m1")
	c.Call = ids[0]
	openCase(t, s, c)
	c = aCase("m2")
	c.Call = ids[0]
	openCase(t, s, c)
	cases, err := s.CasesOf(ctx, ids)
	must(t, err)
	if len(cases) != 1 || len(cases[ids[0]]) != 2 || cases[ids[0]][1].Number != "2026-000002" {
		t.Errorf("cases: %+v", cases)
	}
	if empty, err := s.Records(ctx, nil); err != nil || len(empty) != 0 {
		t.Errorf("nobody asked for: %v, %v", empty, err)
	}
}

// Calls of a day are those that arrived in it, and no calls of operators' own.
func TestCallsOfADay(t *testing.T) {
	s := openIn(t, t.TempDir())
	for id, at := range map[string]time.Duration{"before": -time.Second, "first": 0, "last": 24*time.Hour - time.Microsecond, "after": 24 * time.Hour} {
		must(t, s.Arrived(call.Record{ID: call.ID(id), Line: "919", Arrived: t0.Add(at)}))
	}
	must(t, s.Arrived(call.Record{ID: "own", Line: "919", Arrived: t0.Add(time.Hour), Kind: call.KindOwn}))
	list, err := s.CallsOn(context.Background(), t0, t0.Add(24*time.Hour))
	must(t, err)
	if len(list) != 2 || list[0].ID != "first" || list[1].ID != "last" {
		t.Errorf("of the day are %v", list)
	}
}
