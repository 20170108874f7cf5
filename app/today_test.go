package app

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"hotline/call"
	"hotline/call/wire"
	"hotline/queue"
)

// A day is counted once, however often it is looked at, and begins at local midnight; a restart
// changes nothing.
func TestToday(t *testing.T) {
	dir := t.TempDir()
	h := openHouse(t, dir)
	baku := time.FixedZone("Asia/Baku", 4*3600)
	now := time.Date(2030, 1, 15, 0, 30, 0, 0, baku) // later than what the house itself does
	decide := func(at time.Time, cmds ...queue.Command) {
		t.Helper()
		b, err := queue.EncodeCommands(cmds)
		if err != nil {
			t.Fatal(err)
		}
		h.store.Book().Append(call.Decision{At: at, Kind: "tick", Event: json.RawMessage(`{}`), Commands: b})
	}
	look := func(d *today, what string, want wire.Today) {
		t.Helper()
		for range 2 {
			got, err := d.count(context.Background())
			if err != nil || got["general"] != want {
				t.Errorf("%s: %+v, %v, want %+v", what, got["general"], err, want)
			}
		}
	}
	day := func() *today { return &today{book: h.store.Book(), zone: baku, now: func() time.Time { return now }} }
	d := day()
	decide(now.Add(-time.Hour), queue.Connected{Queue: "general", InTarget: true}) // yesterday
	look(d, "nobody called today", wire.Today{})
	decide(now, queue.Connected{Queue: "general", InTarget: true}, queue.Abandoned{Queue: "general", InTarget: true, Short: true})
	decide(now, queue.Connected{Queue: "general"}, queue.Connected{Queue: "general", Again: true}, queue.Connected{Queue: "general", Callback: true})
	decide(now, queue.Abandoned{Queue: "general"}, queue.Connected{Queue: "other", InTarget: true})
	want := wire.Today{Answered: 2, AnsweredWithin: 1, Abandoned: 2, AbandonedWithin: 1, AbandonedShort: 1}
	look(d, "some", want)
	look(day(), "after a restart", want)
	decide(now, queue.Connected{Queue: "general", InTarget: true})
	want.Answered, want.AnsweredWithin = 3, 2
	look(d, "one more", want)
	now = now.Add(24 * time.Hour)
	look(d, "the next day", wire.Today{})
}

func TestLevelsHaveDenominators(t *testing.T) {
	got := wire.Today{Answered: 90, AnsweredWithin: 81, Abandoned: 12, AbandonedWithin: 3, AbandonedShort: 2}.WithLevels()
	for what, c := range map[string]struct {
		got  *float64
		want float64
	}{"of all but short": {got.Level, 0.81}, "of the answered": {got.LevelAnswered, 0.9}, "of all": {got.LevelAll, 84.0 / 102}} {
		if c.got == nil || *c.got != c.want {
			t.Errorf("%s: %v, want %v", what, c.got, c.want)
		}
	}
	none := wire.Today{Abandoned: 1, AbandonedShort: 1}.WithLevels()
	if none.Level != nil || none.LevelAnswered != nil || none.LevelAll == nil || *none.LevelAll != 0 {
		t.Errorf("one who gave up at once: %+v", none)
	}
}
