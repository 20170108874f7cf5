package app

import (
	"fmt"
	"testing"
	"time"

	"hotline/control"
	"hotline/phone"
)

// TestPurgeWhilePeopleTalk: sixty old recordings are erased while ten citizens hear music and one talks: all that is
// due goes, nobody's sound has a hole, the calls are recorded, and the chain is good.
func TestPurgeWhilePeopleTalk(t *testing.T) {
	names := map[string]time.Time{"young": time.Now().AddDate(0, 0, -1)}
	old := time.Now().AddDate(-1, 0, -10)
	for i := range 60 {
		names[fmt.Sprint("old", i)] = old
	}
	a := keepArchive(t, names)
	shortClips(t, a.dir)
	app, client := a.start(t)
	defer app.Close()
	connect(t, app, "aysel")
	var calls []*phone.Call
	for range 11 {
		_, c := dial(t, app)
		c.Media().Say(0.3, 440)
		calls = append(calls, c)
	}
	becomes(t, "everybody hears something", func() bool {
		for _, c := range calls {
			if c.Media().Received().Packets < 25 {
				return false
			}
		}
		return true
	})
	before := make([]phone.Received, len(calls))
	for i, c := range calls {
		before[i] = c.Media().Received()
	}
	if err := client.ClockIsRight(t.Context(), control.Decision{By: "aydin", Why: "I looked at the clock"}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := app.keeper.reaper.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	for name := range names {
		if there := a.there(t, name); there != (name == "young") {
			t.Errorf("%s: there is %v", name, there)
		}
	}
	for i, c := range calls {
		now := c.Media().Received()
		if lost := now.Lost - before[i].Lost; lost > 0 || now.Packets == before[i].Packets || now.LongestGap > 500*time.Millisecond {
			t.Errorf("call %d: %d packets lost, %d received, the longest gap %v", i, lost, now.Packets-before[i].Packets, now.LongestGap)
		}
		if err := c.Hangup(t.Context()); err != nil {
			t.Error(err)
		}
	}
	becomes(t, "the calls are closed", func() bool { return len(ended(t, app)) == len(names)+len(calls) })
	if v, err := client.Verify(t.Context()); err != nil || len(v.Faults) > 0 || v.Checked != len(names)+len(calls) {
		t.Errorf("verify says %+v, %v", v, err)
	}
	t.Logf("60 recordings were erased in %v while 11 calls were up", took.Round(time.Millisecond))
}
