package purge

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A server that runs for days: what comes due goes within an hour and a bit, and stops when the clock jumps.
func TestRun(t *testing.T) {
	dir := memory(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, dir)
		defer h.close()
		begun := time.Now()
		h.live = func() time.Duration { return time.Since(begun) }
		r := h.reaper(nil) // nothing is recorded yet: the clock is believed
		defer r.Close()
		soon, later := h.put(1, h.now.AddDate(-1, 0, 0), "wav"), h.put(2, h.now.AddDate(-1, 0, 1), "wav") // due at the next midnights
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		midnight := startOf(h.time(), baku).AddDate(0, 0, 1)
		time.Sleep(midnight.Sub(h.time()) - time.Second)
		synctest.Wait()
		if h.left(soon) != "json wav" {
			t.Error("erased before it was due")
		}
		time.Sleep(time.Hour + 2*time.Minute)
		synctest.Wait()
		if h.left(soon) != "gone json" || h.left(later) != "json wav" {
			t.Errorf("an hour later there is %q and %q", h.left(soon), h.left(later))
		}
		h.set(30 * time.Hour) // somebody sets the clock
		time.Sleep(20 * time.Hour)
		synctest.Wait()
		if h.left(later) != "json wav" {
			t.Error("erased by a clock that has jumped")
		}
		time.Sleep(5*time.Hour + 2*time.Minute) // a day after the jump it is believed
		synctest.Wait()
		if h.left(later) != "gone json" {
			t.Errorf("a day after the jump there is %q", h.left(later))
		}
		stop()
		<-done
	})
}
