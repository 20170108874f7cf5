package media

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever is set, moved and cleared, each timer fires once, at its millisecond, in order.
func TestWheelFiresEachTimerOnceAndInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Int64Range(0, 1<<40).Draw(t, "now")
		w := newWheel(now)
		want := map[int]int64{} // timer, its millisecond
		last := now
		var timers [8]timer
		for i := range timers {
			timers[i].fire = func() {
				if at, set := want[i]; !set || at != w.now {
					t.Fatalf("timer %d fired at %d, not at %d (set: %v)", i, w.now, at, set)
				}
				if w.now < last {
					t.Fatalf("time went back to %d", w.now)
				}
				last = w.now
				delete(want, i)
				if i == 0 { // one that makes its next appointment, in the past: that is the next millisecond
					w.set(&timers[0], w.now-5)
					want[0] = w.now + 1
				}
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, len(timers)-1).Draw(t, "timer")
			switch rapid.SampledFrom([]string{"set", "clear", "advance"}).Draw(t, "do") {
			case "set":
				at := w.now + rapid.Int64Range(1, wheelSlots-1).Draw(t, "in")
				w.set(&timers[i], at)
				want[i] = at
			case "clear":
				w.clear(&timers[i])
				delete(want, i)
			case "advance":
				to := w.now + rapid.Int64Range(0, 2*wheelSlots).Draw(t, "by")
				w.advance(to)
				if w.now != to {
					t.Fatalf("advanced to %d, not %d", w.now, to)
				}
				for i, at := range want {
					if at <= to {
						t.Fatalf("timer %d should have fired at %d, now is %d", i, at, to)
					}
				}
			}
			next, any := w.next()
			if any != (len(want) > 0) {
				t.Fatalf("a timer is set: %v, but %d are", any, len(want))
			}
			for i, at := range want {
				if at < next {
					t.Fatalf("the next is at %d, but timer %d at %d", next, i, at)
				}
			}
		}
	})
}

// What lies beyond the horizon fires at the horizon, rather than a round too early.
func TestWheelHasAHorizon(t *testing.T) {
	w := newWheel(0)
	fired := int64(0)
	far := timer{fire: func() { fired = w.now }}
	w.set(&far, 10*wheelSlots)
	w.advance(wheelSlots - 2)
	if fired != 0 {
		t.Errorf("fired at %d", fired)
	}
	w.advance(wheelSlots)
	if fired != wheelSlots-1 {
		t.Errorf("fired at %d, want %d", fired, wheelSlots-1)
	}
}
