package store

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"hotline/call"
)

func TestHolds(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := openIn(t, dir)
	one, two := call.NewID(), call.NewID()
	first, err := s.AddHold(ctx, call.Hold{Calls: []call.ID{one, two}, Why: "a court asked for it", By: "rena", At: t0})
	must(t, err)
	ends, err := s.AddHold(ctx, call.Hold{Calls: []call.ID{two, two}, Why: "an inquiry goes on", By: "rena", At: t0, Until: t0.Add(time.Hour)})
	must(t, err)
	if first.ID == ends.ID {
		t.Fatal("two holds of one number")
	}
	must(t, s.Close())
	s = openIn(t, dir) // a hold outlives the process
	ids := func(f HoldFilter) (list []int64) {
		got, err := s.Holds(ctx, f)
		must(t, err)
		for _, h := range got {
			list = append(list, h.ID)
		}
		return list
	}
	all := []int64{first.ID, ends.ID}
	for _, c := range []struct {
		f    HoldFilter
		want []int64
	}{
		{HoldFilter{}, all}, {HoldFilter{At: t0}, all}, {HoldFilter{At: t0.Add(time.Hour)}, all[:1]}, {HoldFilter{Call: one}, all[:1]},
		{HoldFilter{Call: two}, all}, {HoldFilter{Call: two, At: t0.Add(time.Hour)}, all[:1]}, {HoldFilter{ID: ends.ID}, all[1:]}, {HoldFilter{Call: "x"}, nil},
	} {
		if got := ids(c.f); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.f, got, c.want)
		}
	}
	for _, persons := range [][2]string{{"rena", "rena"}, {"", "sara"}, {"rena", ""}} {
		if _, err := s.LiftHold(ctx, first.ID, persons[0], persons[1], "it is over", t0); err == nil {
			t.Errorf("lifted by %v", persons)
		}
	}
	if _, err := s.LiftHold(ctx, first.ID, "rena", "sara", "", t0); err == nil {
		t.Error("lifted without a reason")
	}
	lifted, err := s.LiftHold(ctx, first.ID, "rena", "sara", "the court is done", t0.Add(time.Minute))
	must(t, err)
	want := call.Hold{ID: first.ID, Calls: []call.ID{one, two}, Why: "a court asked for it", By: "rena", At: t0,
		Lifted: t0.Add(time.Minute), LiftedWhy: "the court is done", LiftedBy: "rena", LiftedWith: "sara"}
	if !reflect.DeepEqual(lifted, want) {
		t.Errorf("got %+v\nwant %+v", lifted, want)
	}
	if _, err := s.LiftHold(ctx, first.ID, "rena", "sara", "once more", t0); !errors.Is(err, ErrUnknown) {
		t.Errorf("lifted twice: %v", err)
	}
	if got := ids(HoldFilter{At: t0}); !reflect.DeepEqual(got, all[1:]) {
		t.Errorf("after lifting: %v", got)
	}
	// The journal of each call has it.
	events, err := s.Events(ctx, one)
	must(t, err)
	if len(events) != 2 || events[0].Name != "recording.held" || events[1].Name != "recording.released" || events[1].Data["with"] != "sara" {
		t.Errorf("journal: %+v", events)
	}
	for _, h := range []call.Hold{{Why: "w", By: "b", At: t0}, {Calls: []call.ID{one}, By: "b", At: t0}, {Calls: []call.ID{one}, Why: "w", At: t0}} {
		if _, err := s.AddHold(ctx, h); err == nil {
			t.Errorf("placed: %+v", h)
		}
	}
}
