package app

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/floor"
	"hotline/queue"
	"hotline/store"
)

// A house is a floor on a store, as app plugs them together.
type house struct {
	store *store.Store
	floor *floor.Floor
}

func openHouse(t *testing.T, dir string) *house {
	t.Helper()
	s, err := store.Open(store.Options{Dir: dir, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	past, err := s.Book().Past(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	h := &house{s, floor.New(floor.Options{
		Rules:   []queue.Rules{{Name: "general", Offer: 15 * time.Second, WrapUp: time.Hour, ReadyOnRegister: true, Callback: queue.Callback{Tries: 3}}},
		Journal: s, Book: s.Book(), Past: past, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})}
	t.Cleanup(func() { h.floor.Close(); h.store.Close() })
	h.floor.SetOperators([]queue.Operator{{Name: "aysel"}, {Name: "leyla"}, {Name: "rena"}})
	for _, name := range []string{"aysel", "leyla", "rena"} {
		h.floor.Registered(name, true, !h.floor.Restored())
	}
	h.floor.PhonesTold()
	return h
}

func (h *house) operators() (lines []string) {
	for _, o := range h.floor.Snapshot().Operators {
		lines = append(lines, fmt.Sprint(o.Name, " ", o.State, " ", o.Reason, " ", o.WrapsUntil.UTC(), " ", o.Last))
	}
	return lines
}

// What a process that was killed has decided is on disk, whatever SQL had of it: the data folder is
// copied while it works, again and again, and the copy opened.
func TestAFloorOutlivesItsProcess(t *testing.T) {
	dir := t.TempDir()
	h := openHouse(t, dir)
	step := func(what string, do func()) {
		t.Helper()
		do()
		want := h.operators()
		image := t.TempDir()
		if err := os.CopyFS(image, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		next := openHouse(t, image)
		if got := next.operators(); !slices.Equal(got, want) || !next.floor.Restored() {
			t.Errorf("%s: after the restart\n%q, want\n%q", what, got, want)
		}
		if n := len(next.floor.Callbacks()); n != len(h.floor.Callbacks()) {
			t.Errorf("%s: %d callbacks, want %d", what, n, len(h.floor.Callbacks()))
		}
	}
	step("the start", func() {})
	step("a pause", func() {
		if err := h.floor.Pause("aysel", "lunch"); err != nil {
			t.Fatal(err)
		}
	})
	step("a wrap-up", func() {
		orders, err := h.floor.Enter(queue.Ticket{Call: "c1", Queue: "general", Arrived: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		o := <-orders
		h.floor.Report("c1", o.Operator, queue.Answered)
		h.floor.Leave("c1")
	})
	step("a callback outside the hours", func() {
		h.floor.SetHours("general", false)
		if _, err := h.floor.AskCallback(queue.Ticket{Call: "cb1", Queue: "general", Arrived: time.Now(), Party: "+000123456789"}); err != nil {
			t.Fatal(err)
		}
	})
	for i := range 30 { // over some commits
		step(fmt.Sprint("pause ", i), func() {
			name := []string{"aysel", "leyla", "rena"}[i%3]
			if err := h.floor.Pause(name, fmt.Sprint("reason ", i)); err != nil {
				t.Fatal(err)
			}
		})
	}
	_, err := h.store.Book().Walk(context.Background(), 0, func(d call.Decision) error {
		if d.Call == "cb1" && d.Kind != "callback_asked" {
			t.Errorf("the journal has of the callback: %s", d.Kind)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A store that takes nothing refuses nothing: the floor decides as before.
func TestAFloorWithoutItsStore(t *testing.T) {
	h := openHouse(t, t.TempDir())
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	orders, err := h.floor.Enter(queue.Ticket{Call: "c1", Queue: "general", Arrived: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if o := <-orders; o.Kind != queue.Ring || !h.floor.Report("c1", o.Operator, queue.Answered) {
		t.Errorf("the order is %+v", o)
	}
	h.floor.Leave("c1")
	if err := h.floor.Pause("rena", "lunch"); err != nil {
		t.Error(err)
	}
}
