package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

func decided(n int, kind string, at time.Time) call.Decision {
	return call.Decision{
		At: at, Call: call.ID(fmt.Sprint("c", n)), Kind: kind,
		Event: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)), Commands: json.RawMessage(`[{"kind":"finished"}]`),
	}
}

func checkpointAt(n int, at time.Time) call.Decision {
	d := decided(n, call.Checkpoint, at)
	d.Call, d.Commands = "", nil
	return d
}

// numbers are the events' own numbers.
func numbers(t *testing.T, rows []call.Decision) (ns []int) {
	t.Helper()
	for _, d := range rows {
		var v struct{ N int }
		must(t, json.Unmarshal(d.Event, &v))
		ns = append(ns, v.N)
	}
	return ns
}

func (s *Store) walked(t *testing.T, since time.Time) (rows []call.Decision) {
	t.Helper()
	ctx := context.Background()
	before, err := s.Book().Before(ctx, since)
	must(t, err)
	last, err := s.Book().Walk(ctx, before, func(d call.Decision) error { rows = append(rows, d); return nil })
	must(t, err)
	if n := len(rows); n > 0 && last != rows[n-1].Seq {
		t.Errorf("the last is %d, want %d", last, rows[n-1].Seq)
	}
	return rows
}

// The floor's journal comes back as it was, to the nanosecond, also after a restart; a floor is
// given the last two checkpoints and what came since.
func TestTheFloorsJournalComesBack(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	at := func(n int) time.Time { return t0.Add(time.Duration(n)*time.Second + 1) }
	if past, err := s.Book().Past(ctx); err != nil || len(past) != 0 {
		t.Fatalf("a new folder has a past: %v, %v", past, err)
	}
	for n := range 12 {
		if n%3 == 0 {
			s.Book().Append(checkpointAt(n, at(n)))
		} else {
			s.Book().Append(decided(n, "left", at(n)))
		}
	}
	check := func(s *Store) {
		t.Helper()
		past, err := s.Book().Past(ctx)
		must(t, err)
		if got, want := numbers(t, past), []int{6, 7, 8, 9, 10, 11}; !reflect.DeepEqual(got, want) {
			t.Errorf("the past is %v, want %v", got, want)
		}
		rows := s.walked(t, time.Time{})
		if got, want := numbers(t, rows), []int{1, 2, 4, 5, 7, 8, 10, 11}; !reflect.DeepEqual(got, want) {
			t.Errorf("the journal is %v, want %v", got, want)
		}
		want := decided(2, "left", at(2))
		want.Seq = rows[1].Seq
		if !reflect.DeepEqual(rows[1], want) {
			t.Errorf("got  %+v\nwant %+v", rows[1], want)
		}
		if got := numbers(t, s.walked(t, at(8))); !reflect.DeepEqual(got, []int{8, 10, 11}) {
			t.Errorf("since the eighth: %v", got)
		}
		if got := s.walked(t, at(100)); len(got) != 0 {
			t.Errorf("since later: %v", got)
		}
	}
	check(s)
	must(t, s.Close())
	check(openIn(t, dir))

	enough := errors.New("enough")
	n := 0
	_, err := openIn(t, t.TempDir()).Book().Walk(ctx, 0, func(call.Decision) error { n++; return nil })
	if err != nil || n != 0 {
		t.Errorf("an empty journal: %d rows, %v", n, err)
	}
	s2 := openIn(t, t.TempDir())
	for n := range 3 * walkRows {
		s2.Book().Append(decided(n, "left", at(n)))
	}
	_, err = s2.Book().Walk(ctx, 0, func(call.Decision) error {
		if n++; n == walkRows+1 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != walkRows+1 {
		t.Errorf("walked %d rows: %v", n, err)
	}
	if got := len(s2.walked(t, time.Time{})); got != 3*walkRows {
		t.Errorf("walked %d rows of %d", got, 3*walkRows)
	}
}

// Old rows go in small groups, but never what a restart needs.
func TestOldRowsOfTheFloorsJournalGo(t *testing.T) {
	ctx := context.Background()
	now := t0
	s, err := Open(Options{Dir: t.TempDir(), Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Now: func() time.Time { return now }})
	must(t, err)
	defer s.Close()
	old := pruneRows + 10
	for n := range old {
		s.Book().Append(decided(n, "left", t0))
	}
	s.Book().Append(checkpointAt(old, t0))
	s.Book().Append(decided(old+1, "left", t0))
	must(t, s.Flush(ctx))
	prune := func() bool {
		t.Helper()
		more, err := s.prune(ctx)
		must(t, err)
		return more
	}
	now = t0.Add(floorKeep)
	if prune() || len(s.walked(t, time.Time{})) != old+1 {
		t.Error("rows of 90 days were removed")
	}
	now = t0.Add(floorKeep + time.Second)
	if !prune() {
		t.Error("all old rows were removed at once")
	}
	if prune() {
		t.Error("there are more old rows than were written")
	}
	if got := numbers(t, s.walked(t, time.Time{})); !reflect.DeepEqual(got, []int{old + 1}) {
		t.Errorf("left are %v, want what a restart needs", got)
	}
	if past, err := s.Book().Past(ctx); err != nil || len(past) != 2 {
		t.Errorf("the past has %d rows, want the checkpoint and what came after: %v", len(past), err)
	}
}

// A floor waits for its journal a few microseconds a step.
func BenchmarkADecisionIsWritten(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir(), Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	d := decided(1, "entered", t0)
	d.Commands = json.RawMessage(`[{"kind":"queued","is":{"Call":"01900000-0000-7000-8000-000000000001","Queue":"general","Language":"az","Position":3}}]`)
	for b.Loop() {
		s.Book().Append(d)
	}
}
