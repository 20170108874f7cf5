package purge

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// set sets the clock of the world, and not the one that only counts.
func (h *house) set(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func TestClockThatJumps(t *testing.T) {
	for name, by := range map[string]time.Duration{"a year ahead": 365 * 24 * time.Hour, "a day and a bit": 24*time.Hour + time.Minute, "a year back": -365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, memory(t))
			defer h.close()
			id := h.put(1, h.now.AddDate(0, -11, -29), "wav") // due the day after tomorrow
			r := h.reaper(nil)
			defer r.Close()
			if err := r.Vouch("test"); err != nil {
				t.Fatal(err)
			}
			h.set(by)
			if err := r.Pass(t.Context()); !errors.Is(err, ErrClock) || !strings.Contains(err.Error(), "was set by") {
				t.Errorf("after the jump: %v", err)
			}
			if h.left(id) != "json wav" {
				t.Fatal("erased by a clock that is wrong")
			}
			for hour := 1; hour <= 24; hour++ {
				h.pass(time.Hour)
				stopped := !r.look()
				if want := hour < 24; stopped != want {
					t.Errorf("%d hours later: stopped is %v", hour, stopped)
				}
			}
			if err := r.Pass(t.Context()); err != nil {
				t.Error(err)
			}
			if gone := h.left(id) != "json wav"; gone != (by > 0) {
				t.Errorf("erased is %v, %v after a jump by %v", gone, h.now, by)
			}
		})
	}
}

// A clock that is set back and forth, or bit by bit, within a day, is somebody keeping it; more in all is not.
func TestClockThatCreeps(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	r := h.reaper(nil)
	defer r.Close()
	for range 50 {
		h.set(10 * time.Hour)
		h.pass(time.Minute)
		if !r.look() {
			t.Fatal("stopped at a small step")
		}
		h.set(-10 * time.Hour)
	}
	for i := range 5 {
		h.set(10 * time.Hour)
		h.pass(time.Minute)
		if got, want := r.look(), i < 2; got != want {
			t.Fatalf("step %d of 10 hours: believed is %v", i+1, got)
		}
	}
}

func TestClockOverARestart(t *testing.T) {
	for _, c := range []struct {
		name  string
		pause time.Duration
		stops bool
	}{{"a night", 10 * time.Hour, false}, {"a day", 24 * time.Hour, false}, {"a weekend", 60 * time.Hour, true}, {"back in time", -25 * time.Hour, true}} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, memory(t))
			defer h.close()
			h.reaper(nil).Close() // nothing is recorded yet: a new folder is believed
			h.put(1, h.now, "wav")
			h.set(c.pause)
			r := h.reaper(nil)
			defer func() { r.Close() }()
			if got := !r.look(); got != c.stops {
				t.Fatalf("stopped is %v", got)
			}
			if !c.stops {
				return
			}
			if err := r.Pass(t.Context()); !errors.Is(err, ErrClock) || !strings.Contains(err.Error(), "when the server ran last") {
				t.Errorf("got %v", err)
			}
			// Half a day, a restart, half a day: a restart does not make it younger or older.
			for range 12 {
				h.pass(time.Hour)
				r.look()
			}
			r.Close()
			r = h.reaper(nil)
			if _, left := r.Clock(); left != 12*time.Hour {
				t.Errorf("%v left after half a day", left)
			}
			for range 11 {
				h.pass(time.Hour)
				if r.look() {
					t.Fatal("believed too soon")
				}
			}
			h.pass(time.Hour)
			if !r.look() {
				t.Error("not believed after a day")
			}
		})
	}
}

func TestClockIsVouchedFor(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	h.put(1, h.now.AddDate(-2, 0, 0), "wav")
	r := h.reaper(nil) // recordings, and nobody knows when the server ran last: whoever took clock.json away
	defer r.Close()
	if err := r.Pass(t.Context()); !errors.Is(err, ErrClock) {
		t.Errorf("got %v", err)
	}
	if err := r.Vouch("rena"); err != nil {
		t.Fatal(err)
	}
	if err := r.Pass(t.Context()); err != nil || h.left(nth(1)) != "gone json" {
		t.Errorf("got %v, there is %q", err, h.left(nth(1)))
	}
	b, err := os.ReadFile(filepath.Join(h.dir, clockFile))
	if err != nil || !strings.Contains(string(b), `"by":"rena"`) {
		t.Errorf("written down: %s, %v", b, err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, clockFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := h.reaper(nil)
	defer damaged.Close()
	if why, _ := damaged.Clock(); why == "" {
		t.Error("a damaged file is believed")
	}
}

// Whatever the clock and the restarts do: nothing is erased by a time that is more than a day ahead of the true one.
func TestNoClockErasesEarly(t *testing.T) {
	root := memory(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		h := newHouse(t, filepath.Join(root, string(nth(n))))
		defer h.close()
		h.rules.Keep, h.rules.Cases = 3, 3
		id := h.put(1, h.now, "wav")
		r := h.reaper(nil)
		defer func() { r.Close() }()
		if err := r.Vouch("test"); err != nil {
			t.Fatal(err)
		}
		truth, end := h.now, h.now.AddDate(0, 3, 0)
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			switch rapid.SampledFrom([]string{"set", "restart", "nothing"}).Draw(t, "event") {
			case "set": // further than the bound: smaller steps are whoever keeps the clock
				h.set(time.Duration(rapid.IntRange(25, 5000).Draw(t, "by")) * time.Hour)
				_ = r.Pass(t.Context())
			case "restart":
				r.Close()
				r = h.reaper(nil)
			}
			// Never a whole day of steadiness, in which somebody would have answered the alarm.
			h.set(truth.Sub(h.now))
			_ = r.Pass(t.Context())
			step := time.Duration(rapid.IntRange(1, 20).Draw(t, "hours")) * time.Hour
			h.pass(step)
			truth = truth.Add(step)
			_ = r.Pass(t.Context())
			if h.left(id) != "json wav" && truth.Before(end) {
				t.Fatalf("erased at %v, due at %v", truth, end)
			}
		}
	})
}
