package line

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
	"hotline/call/calltest"
)

// Whatever two who talk do, and whoever asks for pauses: what is shown as paused is what a simple count says,
// nothing outlives its time or its talk, both channels have the same gaps, as long as was counted, and the
// telephones know.
func TestPausesAtRandom(t *testing.T) {
	type step struct {
		does string
		most time.Duration // of a pause
		wish string
		then time.Duration
	}
	if checks := flag.Lookup("rapid.checks"); os.Getenv("HOTLINE_NIGHTLY") == "" && checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("25"); err != nil { // each writes a recording to the disk
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = checks.Value.Set(checks.DefValue) })
	}
	steps := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) step {
		return step{
			does: rapid.SampledFrom([]string{"pause", "pause", "resume", "hold", "unhold", "caller holds", "caller is back", "wish", "send on", "lost"}).Draw(r, "does"),
			most: time.Duration(rapid.IntRange(0, 200).Draw(r, "most")) * time.Second,
			wish: rapid.SampledFrom([]string{"off", "pause", "on"}).Draw(r, "wish"),
			then: time.Duration(rapid.IntRange(0, 60).Draw(r, "then"))*time.Second + time.Millisecond,
		}
	}), 1, 8)
	rapid.Check(t, func(r *rapid.T) {
		todo := steps.Draw(r, "steps")
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		wrong := "" // a property that fails must not panic out of the bubble
		synctest.Test(t, func(t *testing.T) {
			h, disk := pausable(t, dir)
			defer disk.Close()
			d := h.talking()
			d.unwatch() // the caller hears what the double plays; music in a hold that somebody else began is none
			operator, colleagues := d.aysel, 0
			var since, until time.Time // of the pause; zero: there is none
			ends := func(at time.Time) {
				want = append(want, "x "+at.Sub(since).String())
				since, until = time.Time{}, time.Time{}
			}
			do := func(s step) string {
				paused := !since.IsZero()
				switch s.does {
				case "pause":
					err := d.line.PauseRecording(context.Background(), d.id(), call.PauseWish{By: call.PausedByCommand, Why: "x", For: s.most})
					if paused != errors.Is(err, call.ErrPaused) || !paused && err != nil {
						return fmt.Sprintf("pause: %v, paused %v", err, paused)
					}
					if !paused {
						if s.most == 0 || s.most > 2*time.Minute {
							s.most = 2 * time.Minute
						}
						since, until = time.Now(), time.Now().Add(s.most)
					}
				case "resume":
					err := d.line.ResumeRecording(context.Background(), d.id(), call.PausedByCommand, "")
					if !paused != errors.Is(err, call.ErrNotPaused) || paused && err != nil {
						return fmt.Sprintf("resume: %v, paused %v", err, paused)
					}
					if paused {
						ends(time.Now())
					}
				case "hold":
					operator.Tell(call.LegHeld)
				case "unhold":
					operator.Tell(call.LegResumed)
				case "caller holds":
					d.caller.Tell(call.LegHeld)
				case "caller is back":
					d.caller.Tell(call.LegResumed)
				case "wish":
					operator.Wish(s.wish)
				case "send on", "lost":
					if paused {
						ends(time.Now())
					}
					next := []string{"samir", "leyla", "aysel"}[colleagues%3]
					colleagues++
					if s.does == "lost" {
						operator.End(call.CauseFailed)
						synctest.Wait()
						d.floor.ring(d.caller, next)
					} else {
						operator.Ask(d.transfer(next, nil))
					}
					time.Sleep(15 * time.Second) // it rings, and the language is told
					if operator = d.phones.leg(next); operator == nil || operator.Over() {
						return next + " does not talk to the caller"
					}
				}
				synctest.Wait()
				time.Sleep(s.then)
				synctest.Wait()
				if !until.IsZero() && !time.Now().Before(until) {
					ends(until)
				}
				all := d.line.PausedRecordings()
				if shown := len(all) == 1; shown != !since.IsZero() || shown && (!all[0].Since.Equal(since) || !all[0].Until.Equal(until)) {
					return fmt.Sprintf("shown are %+v, counted is a pause from %v to %v", all, since, until)
				}
				state := call.RecordOn
				if !since.IsZero() {
					state = call.RecordPaused
				}
				for _, l := range []*calltest.Leg{d.caller, operator} {
					if told := l.Indicated(); told[len(told)-1] != state {
						return fmt.Sprintf("a telephone was told %v, it is %s", told, state)
					}
				}
				return ""
			}
			for i, s := range todo {
				if wrong = do(s); wrong != "" {
					wrong = fmt.Sprintf("step %d, %s: %s", i, s.does, wrong)
					break
				}
			}
			d.caller.End(call.CauseHangup)
			<-d.done
			if !since.IsZero() {
				ends(time.Now())
			}
			if n := len(d.line.PausedRecordings()); n != 0 && wrong == "" {
				wrong = "a pause outlives the call"
			}
		})
		if wrong != "" {
			r.Fatal(wrong)
		}
		if got := pausedGaps(t, dir); !slices.Equal(got, want) {
			r.Fatalf("the manifest has pauses %q, counted are %q", got, want)
		}
	})
}
