package media

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/call"
)

// A clerk is a sink that notes when it was given what.
type clerk struct {
	mu    sync.Mutex
	notes []note
}

type note struct {
	call.Frame
	taken time.Time
}

func (c *clerk) Take(f call.Frame) {
	n := note{f, time.Now()}
	n.Payload = nil // the engine's
	c.mu.Lock()
	c.notes = append(c.notes, n)
	c.mu.Unlock()
}

// of is what was noted of one side.
func (c *clerk) of(side call.Channel) (out []note) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.notes {
		if n.Channel == side {
			out = append(out, n)
		}
	}
	return out
}

// A recording is as true as the times of its frames: each is when its packet came or left, by the
// monotonic clock, and time never goes back.
func TestFramesSayWhenTheyCameAndLeft(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		pa, a := callUp(t, e, call.RoleCaller, call.PCMA)
		pb, b := callUp(t, e, call.RoleOperator, call.PCMU)
		notes := &clerk{}
		a.Tap(notes)
		began := time.Now()
		a.Play(context.Background(), clip("greeting", 500, 5))
		if err := a.Join(b); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() { pa.speak(call.PCMA, 440, 20) })
		both.Go(func() { pb.speak(call.PCMU, 1000, 20) })
		both.Wait()
		eventually(t, "both sides are taken", func() bool { return len(notes.of(call.Said)) == 20 && len(notes.of(call.Heard)) >= 23 })
		a.Tap(nil)
		heard := pa.all()
		for _, side := range []call.Channel{call.Said, call.Heard} {
			last := began
			for i, n := range notes.of(side) {
				if !strings.Contains(n.At.String(), "m=") {
					t.Fatalf("%s, frame %d: no monotonic reading", side, i)
				}
				// 250 ms is ten times what a busy machine makes of it.
				if lag := n.taken.Sub(n.At); lag < 0 || lag > 250*time.Millisecond {
					t.Errorf("%s, frame %d: taken %v after its time", side, i, lag)
				}
				if n.At.Before(last) {
					t.Errorf("%s, frame %d: %v before the one before", side, i, last.Sub(n.At))
				}
				last = n.At
			}
		}
		// What was taken as heard is what the telephone got, at the time that it says.
		got := map[uint32]time.Time{}
		for _, h := range heard {
			got[h.Timestamp] = h.at
		}
		for i, n := range notes.of(call.Heard) {
			if at, ok := got[n.Timestamp]; ok && (at.Before(n.At) || at.Sub(n.At) > 250*time.Millisecond) {
				t.Errorf("heard, frame %d: at the telephone %v after it left", i, at.Sub(n.At))
			}
		}
	})
}

// A loop that stands still for half a second, while people talk, neither sends all of that at
// once afterwards nor is half a second late from then on; and the recorder gets all that was said.
func TestAStalledLoopDoesNotBurst(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		pa, a := callUp(t, e, call.RoleCaller, call.PCMA)
		pb, b := callUp(t, e, call.RoleOperator, call.PCMA)
		notes := &clerk{}
		b.Tap(notes)
		if err := a.Join(b); err != nil {
			t.Fatal(err)
		}
		var talk sync.WaitGroup
		talk.Go(func() { pb.speak(call.PCMA, 1000, 60) })
		pa.until("the operator", func(h []heard) bool { return sounds(h, 1000) >= 5 })
		stalled := time.Now()
		a.ask(func() { <-time.After(500 * time.Millisecond) })
		resumed := time.Now()
		talk.Wait()
		all := pa.until("the operator's last words", func(h []heard) bool { return h[len(h)-1].at.Sub(resumed) > 300*time.Millisecond })
		eventually(t, "all that was said is taken", func() bool { return len(notes.of(call.Said)) == 60 })

		burst := 0
		for i, h := range all {
			if i > 0 {
				p := all[i-1]
				if h.SequenceNumber != p.SequenceNumber+1 || int32(h.Timestamp-p.Timestamp) < 160 {
					t.Fatalf("packet %d: %d/%d after %d/%d", i, h.SequenceNumber, h.Timestamp, p.SequenceNumber, p.Timestamp)
				}
			}
			if d := h.at.Sub(resumed); d > -5*time.Millisecond && d < 15*time.Millisecond {
				burst++
			}
		}
		if resumed.Sub(stalled) < 450*time.Millisecond {
			t.Fatalf("the loop stood still for %v only", resumed.Sub(stalled))
		}
		if burst > 10 {
			t.Errorf("%d packets left at once", burst)
		}
		// The stream's time and the clock's have not parted.
		first, last := all[0], all[len(all)-1]
		drift := time.Duration(last.Timestamp-first.Timestamp)*time.Second/8000 - last.at.Sub(first.at)
		if drift < -200*time.Millisecond || drift > 200*time.Millisecond {
			t.Errorf("after the stall the stream is %v off", drift)
		}
	})
}

// One stream through a whole call in which the operator's telephone goes silent while muted: the
// gap is filled after 100 ms, and no time is sent twice.
func TestOneStreamWhileThePeerIsMuted(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		citizen, cl := callUp(t, e, call.RoleCaller, call.PCMA)
		agent, al := callUp(t, e, call.RoleOperator, call.PCMU)
		cl.Play(context.Background(), clip("greeting", 400, 5))
		cl.Loop(clip("music", 600, 5))
		citizen.until("music", func(h []heard) bool { return sounds(h, 600) >= 5 })
		if err := cl.Join(al); err != nil {
			t.Fatal(err)
		}
		agent.speak(call.PCMU, 1100, 10)
		muted := time.Now()
		before := citizen.until("the agent", func(h []heard) bool { return sounds(h, 1100) >= 8 })
		citizen.until("silence in the agent's place", func(h []heard) bool { return len(h) >= len(before)+15 && len(loud(h[len(h)-10:])) == 0 })
		agent.ts += uint32(elapsed(int64(time.Since(muted)))) // its clock goes on
		agent.speak(call.PCMU, 1100, 10)
		citizen.until("the agent again", func(h []heard) bool { return sounds(h, 1100) >= 16 })
		cl.Loop(clip("music", 700, 5))
		citizen.until("other music", func(h []heard) bool { return sounds(h, 700) >= 5 })
		cl.Play(context.Background(), clip("bye", 800, 5))
		all := citizen.until("the goodbye", func(h []heard) bool { return sounds(h, 800) >= 5 })
		for i := 1; i < len(all); i++ {
			a, b := all[i-1], all[i]
			if b.SSRC != a.SSRC || b.SequenceNumber != a.SequenceNumber+1 || int32(b.Timestamp-a.Timestamp) < int32(len(a.Payload)) {
				t.Fatalf("packet %d: %d/%d after %d/%d", i, b.SequenceNumber, b.Timestamp, a.SequenceNumber, a.Timestamp)
			}
		}
		first, last := all[0], all[len(all)-1]
		drift := time.Duration(last.Timestamp-first.Timestamp)*time.Second/8000 - last.at.Sub(first.at)
		if drift < -200*time.Millisecond || drift > 200*time.Millisecond {
			t.Errorf("the stream is %v off the clock", drift)
		}
	})
}
