package app

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/call/wire"
	"hotline/desk"
	"hotline/queue"
	"hotline/sip"
)

// spellAll reads numbers as the default configuration does.
var spellAll = sip.Numbers{Country: "994", National: "0", International: "00"}.E164

func TestToRingBack(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	gave := func(id, from string) call.Record {
		return call.Record{ID: call.ID(id), From: call.Number(from), Queue: "general", Outcome: call.Abandoned, Phase: call.Waiting, Waited: time.Minute, Arrived: at, Ended: at}
	}
	with := func(r call.Record, change func(*call.Record)) call.Record { change(&r); return r }
	for name, c := range map[string]struct {
		calls []call.Record // newest first
		want  string
	}{
		"nobody called":                          {nil, ""},
		"gave up":                                {[]call.Record{gave("a", "+994770001122")}, "a*1"},
		"twice, in two spellings: one row":       {[]call.Record{gave("b", "+994770001122"), gave("a", "0770001122")}, "b*2"},
		"two callers, the newest first":          {[]call.Record{gave("b", "+994770001133"), gave("a", "+994770001122")}, "b*1 a*1"},
		"left sooner than counts":                {[]call.Record{with(gave("a", "+994770001122"), func(r *call.Record) { r.Waited = 4 * time.Second })}, ""},
		"waited exactly short":                   {[]call.Record{with(gave("a", "+994770001122"), func(r *call.Record) { r.Waited = 5 * time.Second })}, "a*1"},
		"in the greeting":                        {[]call.Record{with(gave("a", "+994770001122"), func(r *call.Record) { r.Phase = call.Greeting })}, ""},
		"no number":                              {[]call.Record{gave("a", "")}, ""},
		"withheld":                               {[]call.Record{with(gave("a", "+994770001122"), func(r *call.Record) { r.Withheld = true })}, ""},
		"the longest wait was over":              {[]call.Record{with(gave("a", "+994770001122"), func(r *call.Record) { r.Outcome = call.TimedOut })}, "a*1"},
		"a talk was too long":                    {[]call.Record{with(gave("a", "+994770001122"), func(r *call.Record) { r.Outcome, r.Talked = call.TimedOut, time.Hour })}, ""},
		"was answered since":                     {[]call.Record{with(gave("b", "0770001122"), func(r *call.Record) { r.Outcome, r.Talked = call.Completed, time.Minute }), gave("a", "+994770001122")}, ""},
		"was answered before":                    {[]call.Record{gave("b", "+994770001122"), with(gave("a", "+994770001122"), func(r *call.Record) { r.Outcome, r.Talked = call.Completed, time.Minute })}, "b*1"},
		"calls now":                              {[]call.Record{with(gave("b", "+994770001122"), func(r *call.Record) { r.Outcome, r.Ended = "", time.Time{} }), gave("a", "+994770001122")}, ""},
		"asked to be called since":               {[]call.Record{with(gave("b", "+994770001122"), func(r *call.Record) { r.Outcome = call.CalledBack }), gave("a", "+994770001122")}, ""},
		"was called back":                        {[]call.Record{with(gave("b", "+994770001122"), func(r *call.Record) { r.Kind, r.Outcome, r.Talked = call.KindCallback, call.Completed, time.Minute }), gave("a", "+994770001122")}, ""},
		"was called back, and declined":          {[]call.Record{with(gave("b", "+994770001122"), func(r *call.Record) { r.Kind, r.EndedBy = call.KindCallback, call.ByCaller }), gave("a", "+994770001122")}, ""},
		"was called back, a mailbox answered":    {[]call.Record{with(gave("b", "+994770001122"), func(r *call.Record) { r.Kind, r.EndedBy = call.KindCallback, call.ByUs }), gave("a", "+994770001122")}, "a*1"},
		"an operator's own call settles nothing": {[]call.Record{with(gave("b", "+994770001122"), func(r *call.Record) { r.Kind, r.Talked = call.KindOwn, time.Minute }), gave("a", "+994770001122")}, "a*1"},
	} {
		var got []string
		for _, g := range toRingBack(c.calls, spellAll, func(string) time.Duration { return 5 * time.Second }) {
			got = append(got, string(g.last.ID)+"*"+string(rune('0'+g.times)))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The list, the queueing and the cancelling, on a floor and rows that are real.
func TestRingingBack(t *testing.T) {
	h := openHouse(t, t.TempDir())
	h.floor.SetHours("general", false) // so that nobody is rung
	at := time.Now().Add(-time.Hour)
	record := func(id, from string, change func(*call.Record)) {
		t.Helper()
		r := call.Record{ID: call.ID(id), Line: "919", From: call.Number(from), Queue: "general", Language: "ru", Arrived: at,
			Ended: at.Add(time.Minute), Outcome: call.Abandoned, Phase: call.Waiting, Waited: time.Minute}
		if change != nil {
			change(&r)
		}
		var err error
		if r.Ended.IsZero() {
			err = h.store.Arrived(r)
		} else {
			err = h.store.Closed(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	record("gave-up", "0770001122", nil)
	record("talked", "+994770001133", func(r *call.Record) { r.Outcome, r.Talked = call.Completed, time.Minute })
	record("hidden", "+994770001144", func(r *call.Record) { r.Withheld = true })
	record("abroad", "+000123456789", nil)
	record("open", "+994770001155", func(r *call.Record) { r.Ended, r.Outcome = time.Time{}, "" })
	record("early", "+994770001166", func(r *call.Record) { r.Queue = "" })
	record("own", "+994770001177", func(r *call.Record) { r.Kind = call.KindOwn })
	ctx, cancel := context.WithCancel(context.Background())
	var served atomic.Int32
	c := &callbacks{
		Floor: h.floor, store: h.store, spell: spellAll, log: zap.NewNop(), ctx: ctx,
		may:   func(n call.Number) bool { return strings.HasPrefix(spellAll(n.Raw()), "+99477") },
		short: func(string) time.Duration { return 5 * time.Second },
		serve: func(ctx context.Context, _ queue.Ticket, orders <-chan queue.Order) {
			served.Add(1)
			for { // until it is over, or the server stops
				select {
				case _, ok := <-orders:
					if !ok {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		},
	}
	t.Cleanup(func() { cancel(); c.owners.Wait() })
	list := func() []wire.Abandoned {
		t.Helper()
		got, err := c.Abandoned(ctx, wire.AbandonFilter{Since: at.Add(-time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	before := list()
	if len(before) != 2 || before[0].Number != "***22" && before[1].Number != "***22" {
		t.Fatalf("the list: %+v", before)
	}
	for _, id := range []call.ID{"talked", "hidden", "abroad", "open", "early", "own"} {
		if made, err := c.Add(ctx, id); !errors.Is(err, desk.ErrInvalid) {
			t.Errorf("%s: %+v, %v", id, made, err)
		}
	}
	if _, err := c.Add(ctx, "nobody"); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("a call that is not known: %v", err)
	}
	made, err := c.Add(ctx, "gave-up")
	if err != nil || made.Queue != "general" || made.Language != "ru" || made.Number != "***22" || made.Position != 1 {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := c.Add(ctx, "gave-up"); !errors.Is(err, desk.ErrInvalid) || !strings.Contains(err.Error(), "open") {
		t.Errorf("a second one for the number: %v", err)
	}
	if got := c.Open(true); len(got) != 1 || got[0].Number != "+994770001122" {
		t.Errorf("open: %+v", got)
	}
	if views := c.CallbackViews(); views[0].For != "gave-up" {
		t.Errorf("whose callback it is: %q", views[0].For)
	}
	if after := list(); len(after) != 1 || after[0].Call != "abroad" {
		t.Errorf("the list after it: %+v", after)
	}
	events, err := h.store.Events(ctx, "gave-up")
	if err != nil || len(events) != 1 || events[0].Name != "callback.requested" || events[0].Data["callback"] != made.ID {
		t.Errorf("events: %+v, %v", events, err)
	}
	if _, err := c.Cancel("nobody"); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("cancelling nobody: %v", err)
	}
	if _, err := c.Cancel(""); !errors.Is(err, desk.ErrNotFound) {
		t.Errorf("cancelling anybody: %v", err)
	}
	if id, err := c.Cancel(made.ID[:20]); err != nil || string(id) != made.ID {
		t.Errorf("cancelled %s, %v", id, err)
	}
	c.owners.Wait() // its goroutine has ended with it
	if got := c.Open(false); len(got) != 0 || served.Load() != 1 {
		t.Errorf("open after it: %+v, %d served", got, served.Load())
	}
	if after := list(); len(after) != 2 {
		t.Errorf("the list after the cancelling: %+v", after)
	}
}

// Who is being called at this moment is called.
func TestACallbackThatIsMadeIsNotCancelled(t *testing.T) {
	h := openHouse(t, t.TempDir())
	orders, err := h.floor.AskCallback(queue.Ticket{Call: "cb", Queue: "general", Arrived: time.Now(), Party: "+994770001122"})
	if err != nil {
		t.Fatal(err)
	}
	c := &callbacks{Floor: h.floor, log: zap.NewNop()}
	o := <-orders
	if got := c.Open(false); len(got) != 1 || got[0].Operator == nil || *got[0].Operator != o.Operator || got[0].Position != 1 {
		t.Errorf("while %s is rung: %+v", o.Operator, got)
	}
	if !h.floor.Report("cb", o.Operator, queue.Answered) {
		t.Fatal("the offer does not stand")
	}
	if got := c.Open(false); len(got) != 1 || got[0].Position != 0 || *got[0].Operator != o.Operator {
		t.Errorf("while %s calls: %+v", o.Operator, got)
	}
	if _, err := c.Cancel("cb"); !errors.Is(err, desk.ErrInvalid) {
		t.Errorf("cancelled: %v", err)
	}
	h.floor.SetHours("general", false) // or the next is rung at once
	h.floor.CallbackFailed("cb", false)
	if got := c.Open(false); len(got) != 1 || got[0].Tries != 1 || got[0].Operator != nil {
		t.Errorf("after a try: %+v", got)
	}
	if _, err := c.Cancel("cb"); err != nil {
		t.Errorf("between two tries: %v", err)
	}
}
