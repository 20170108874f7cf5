package line

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"hotline/call"
	"hotline/call/calltest"
	"hotline/recording"
)

// pausable is a hall whose calls are recorded and may be paused for two minutes.
func pausable(t *testing.T, dir string, change ...func(*Options)) (*hall, *recording.Recorder) {
	disk := diskAt(t, dir)
	return newHall(t, append([]func(*Options){func(o *Options) {
		o.Recorder, o.Settings.Pause.Longest = disk, 2*time.Minute
	}}, change...)...), disk
}

// pausedGaps are the pauses of the one manifest in a folder, in both channels, with their reasons; they must be the
// same in both.
func pausedGaps(t *testing.T, dir string) (gaps []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("manifests %v, %v", files, err)
	}
	body, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Gaps []struct {
			Channel, Reason, Why string
			From, To             time.Time
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	both := map[string][]string{}
	for _, g := range m.Gaps {
		if g.Reason == "paused" {
			both[g.Channel] = append(both[g.Channel], fmt.Sprintf("%s %v", g.Why, g.To.Sub(g.From)))
		}
	}
	if !slices.Equal(both["left"], both["right"]) {
		t.Errorf("the pauses differ: %v", both)
	}
	return both["left"]
}

// told are the beeps and words that a leg was given over its sound.
func told(l *calltest.Leg) (keys []string) {
	for _, s := range l.Sound().Overlaid() {
		keys = append(keys, s.Key)
	}
	return keys
}

func (d *deskCall) id() call.ID { return d.caller.Info().Call }

// events are those of a name, as "key=value" in the order of the keys given.
func (d *deskCall) events(name string, keys ...string) (all []string) {
	for _, e := range d.journal.named(name) {
		var parts []string
		for _, k := range keys {
			parts = append(parts, e.Data[k])
		}
		all = append(all, strings.Join(parts, ","))
	}
	return all
}

func (d *deskCall) counted(by string) float64 {
	return testutil.ToFloat64(d.line.metrics.pauses.WithLabelValues(by))
}

// A command pauses the talk and ends it: both hear it, both telephones are told, and it stands in journal,
// manifest and metrics with who and why.
func TestACommandPausesARecording(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h, disk := pausable(t, dir)
		defer disk.Close()
		d := h.talking()
		wish := call.PauseWish{By: call.PausedByCommand, Who: "nigar", Why: "a card number"}
		if err := d.line.PauseRecording(t.Context(), d.id(), wish); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := d.line.PauseRecording(t.Context(), d.id(), wish); !errors.Is(err, call.ErrPaused) {
			t.Errorf("paused twice: %v", err)
		}
		time.Sleep(30 * time.Second)
		want := call.RecordingPause{
			Call: d.id(), Operator: "aysel", By: call.PausedByCommand, Who: "nigar", Why: "a card number", Since: began, Until: began.Add(2 * time.Minute),
		}
		if all := d.line.PausedRecordings(); len(all) != 1 || all[0] != want {
			t.Errorf("shown are %+v, want %+v", all, want)
		}
		if err := d.line.ResumeRecording(t.Context(), d.id(), call.PausedByCommand, "nigar"); err != nil {
			t.Fatal(err)
		}
		if err := d.line.ResumeRecording(t.Context(), d.id(), call.PausedByCommand, "nigar"); !errors.Is(err, call.ErrNotPaused) {
			t.Errorf("resumed twice: %v", err)
		}
		if all := d.line.PausedRecordings(); len(all) != 0 {
			t.Errorf("still shown: %+v", all)
		}
		d.wantJoined(d.aysel, "aysel, all the time")
		for name, l := range map[string]*calltest.Leg{"caller": d.caller, "operator": d.aysel} {
			if got, want := told(l), []string{"tone.paused", "tone.resumed"}; !slices.Equal(got, want) {
				t.Errorf("the %s heard %v, want %v", name, got, want)
			}
			if got, want := l.Indicated(), []call.RecordState{call.RecordOn, call.RecordPaused, call.RecordOn}; !slices.Equal(got, want) {
				t.Errorf("the %s was told %v, want %v", name, got, want)
			}
		}
		time.Sleep(10 * time.Second)
		d.over()
		if got, want := d.events("recording.paused", "by", "who", "reason", "longest"), []string{"command,nigar,a card number,2m0s"}; !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
		if got, want := d.events("recording.resumed", "by", "who", "reason", "took"), []string{"command,nigar,a card number,30s"}; !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
		if d.counted(call.PausedByCommand) != 1 || d.counted(call.PausedByOperator) != 0 || testutil.ToFloat64(d.line.metrics.pausedSeconds) != 30 {
			t.Error("the metrics have not counted one pause of 30 s")
		}
	})
	if got, want := pausedGaps(t, dir), []string{"a card number 30s"}; !slices.Equal(got, want) {
		t.Errorf("the manifest has %q, want %q", got, want)
	}
}

// All ways in which a pause ends, and how long it was then.
func TestEveryPauseEnds(t *testing.T) {
	pause := func(d *deskCall, f time.Duration) {
		if err := d.line.PauseRecording(context.Background(), d.id(), call.PauseWish{By: call.PausedByCommand, Why: "x", For: f}); err != nil {
			d.t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
	}
	for name, c := range map[string]struct {
		length time.Duration
		do     func(d *deskCall)
		by     string
		took   time.Duration
		beeps  string // that the caller hears at its end
	}{
		"by itself":                   {0, func(d *deskCall) { time.Sleep(5 * time.Minute) }, "limit", 2 * time.Minute, "tone.resumed"},
		"by itself, after what asked": {90 * time.Second, func(d *deskCall) { time.Sleep(5 * time.Minute) }, "limit", 90 * time.Second, "tone.resumed"},
		"no longer than it may":       {time.Hour, func(d *deskCall) { time.Sleep(5 * time.Minute) }, "limit", 2 * time.Minute, "tone.resumed"},
		"the caller hangs up":         {0, func(d *deskCall) { d.caller.End(call.CauseHangup) }, "end", 10 * time.Second, ""},
		"the operator hangs up":       {0, func(d *deskCall) { d.aysel.End(call.CauseHangup) }, "end", 10 * time.Second, ""},
		"the operator's phone is lost": {0, func(d *deskCall) {
			d.aysel.End(call.CauseFailed)
			time.Sleep(10 * time.Second)
			d.floor.ring(d.caller, "samir")
			time.Sleep(10 * time.Second)
			d.wantJoined(d.phones.leg("samir"), "samir")
		}, "end", 10 * time.Second, ""},
		"the operator sends the caller on": {0, func(d *deskCall) {
			d.ask("samir", nil)
			time.Sleep(10 * time.Second)
			d.wantJoined(d.phones.leg("samir"), "samir")
		}, "end", 10 * time.Second, "tone.resumed"},
		"the operator sends the caller to a queue": {0, func(d *deskCall) {
			d.ask("tax", nil)
			time.Sleep(10 * time.Second)
		}, "end", 10 * time.Second, ""},
		"the operator holds, and the time is over": {0, func(d *deskCall) {
			d.aysel.Tell(call.LegHeld)
			time.Sleep(5 * time.Minute)
			d.aysel.Tell(call.LegResumed)
			time.Sleep(time.Second)
		}, "limit", 2 * time.Minute, "tone.resumed"},
		"the server stops": {0, func(d *deskCall) { d.line.Stop() }, "end", 10 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				h, disk := pausable(t, dir)
				defer disk.Close()
				d := h.talking()
				pause(d, c.length)
				c.do(d)
				synctest.Wait()
				if all := d.line.PausedRecordings(); len(all) != 0 {
					t.Errorf("still paused: %+v", all)
				}
				d.caller.End(call.CauseHangup)
				<-d.done
				if got, want := d.events("recording.resumed", "by", "took"), []string{c.by + "," + c.took.String()}; !slices.Equal(got, want) {
					t.Errorf("events %q, want %q", got, want)
				}
				if got := told(d.caller); strings.Join(got, " ") != strings.TrimSpace("tone.paused "+c.beeps) {
					t.Errorf("the caller heard %q", got)
				}
				if c := d.aysel.Sound().Catching(); c != "" {
					t.Errorf("keys of %q are kept after the talk", c)
				}
			})
			if got, want := pausedGaps(t, dir), []string{"x " + c.took.String()}; !slices.Equal(got, want) {
				t.Errorf("the manifest has %q, want %q", got, want)
			}
		})
	}
}

// The operator's telephone pauses by keys pressed in the talk, and by a call of its own to the star code, with the
// caller on hold; the same again goes on. What is pressed before the talk, or too slowly, is nothing.
func TestTheOperatorPausesByStarCode(t *testing.T) {
	keys := func(d *deskCall) { keysAt(d.aysel, "1*49#", 300*time.Millisecond); synctest.Wait() }
	dials := func(d *deskCall) {
		d.aysel.Tell(call.LegHeld)
		time.Sleep(time.Second)
		phone := calltest.NewLeg(call.Info{ID: "star", Call: call.NewID(), Role: call.RoleOperator, User: "aysel", Dialled: "*49"})
		d.line.ServePhone(context.Background(), phone)
		if got := heard(phone); !slices.Equal(got, []string{"tone.ok/az"}) {
			d.t.Errorf("the star code was answered with %v", got)
		}
		d.aysel.Tell(call.LegResumed)
		time.Sleep(time.Second)
	}
	for name, star := range map[string]func(*deskCall){"keys": keys, "a call": dials} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				h, disk := pausable(t, dir)
				defer disk.Close()
				d := h.talking()
				if d.aysel.Sound().Catching() != "*49" || !d.aysel.Sound().Listening() {
					t.Error("nobody listens to the operator's keys")
				}
				keysAt(d.aysel, "*4", 100*time.Millisecond)
				time.Sleep(call.KeyPause + time.Second)
				keysAt(d.aysel, "9", 100*time.Millisecond)
				synctest.Wait()
				if n := len(d.line.PausedRecordings()); n != 0 {
					t.Fatal("keys pressed too slowly pause")
				}
				star(d)
				if all := d.line.PausedRecordings(); len(all) != 1 || all[0].By != "operator" || all[0].Who != "aysel" || all[0].Why != operatorsKey {
					t.Fatalf("paused are %+v", all)
				}
				d.wantJoined(d.aysel, "aysel")
				time.Sleep(20 * time.Second)
				star(d)
				if n := len(d.line.PausedRecordings()); n != 0 {
					t.Error("the same code again does not go on")
				}
				for name, l := range map[string]*calltest.Leg{"caller": d.caller, "operator": d.aysel} {
					if got, want := told(l), []string{"tone.paused", "tone.resumed"}; !slices.Equal(got, want) {
						t.Errorf("the %s heard %v, want %v", name, got, want)
					}
				}
				d.over()
				if d.counted(call.PausedByOperator) != 1 {
					t.Error("the pause is not counted")
				}
			})
			if got := pausedGaps(t, dir); len(got) != 1 || !strings.HasPrefix(got[0], operatorsKey+" 2") {
				t.Errorf("the manifest has %q", got)
			}
		})
	}
}

// What cannot be paused says why, and leaves nothing behind.
func TestWhatCannotBePaused(t *testing.T) {
	ask := func(d *deskCall) error {
		return d.line.PauseRecording(context.Background(), d.id(), call.PauseWish{By: call.PausedByCommand, Why: "x"})
	}
	for name, c := range map[string]struct {
		change func(*Options)
		ask    func(d *deskCall) error
		want   error
	}{
		"pauses are forbidden":  {func(o *Options) { o.Settings.Pause.Longest = 0 }, ask, call.ErrNoPauses},
		"there is no recording": {func(o *Options) { o.Recorder = brokenDisk{} }, ask, call.ErrNotRecorded},
		"recordings are off":    {func(o *Options) { o.Settings.Policy = RecordOff }, ask, call.ErrNotRecorded},
		"another call": {nil, func(d *deskCall) error {
			return d.line.PauseRecording(context.Background(), "another", call.PauseWish{Why: "x"})
		}, call.ErrNoTalk},
		"while the caller is sent on": {nil, func(d *deskCall) error {
			d.phones.mu.Lock()
			d.phones.never = map[string]bool{"samir": true}
			d.phones.mu.Unlock()
			d.ask("samir", nil)
			time.Sleep(time.Second)
			return ask(d)
		}, call.ErrNoTalk},
		"without a reason": {nil, func(d *deskCall) error {
			for _, why := range []string{"", "  ", "a\nb", strings.Repeat("x", call.LongestWhy+1), "\xff"} {
				if err := d.line.PauseRecording(context.Background(), d.id(), call.PauseWish{Why: why}); !errors.Is(err, call.ErrPauseNoWhy) {
					return fmt.Errorf("%q: %w", why, err)
				}
			}
			return call.ErrPauseNoWhy
		}, call.ErrPauseNoWhy},
		"a star code of somebody else": {nil, func(d *deskCall) error {
			return d.line.pauseByStar(context.Background(), "samir")
		}, call.ErrNoTalk},
		"keys where pauses are forbidden": {func(o *Options) { o.Settings.Pause.Longest = 0 }, func(d *deskCall) error {
			keysAt(d.aysel, "*49", 100*time.Millisecond)
			synctest.Wait()
			if got := told(d.aysel); !slices.Equal(got, []string{"tone.error"}) {
				d.t.Errorf("the operator heard %v", got)
			}
			return call.ErrNoPauses
		}, call.ErrNoPauses},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, disk := pausable(t, t.TempDir(), func(o *Options) {
					if c.change != nil {
						c.change(o)
					}
				})
				defer disk.Close()
				d := h.talking()
				if err := c.ask(d); !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				synctest.Wait()
				if len(told(d.caller)) > 0 || len(d.line.PausedRecordings()) > 0 || len(d.journal.named("recording.paused")) > 0 {
					t.Errorf("the caller heard %v", told(d.caller))
				}
				d.over()
				if err := ask(d); !errors.Is(err, call.ErrNoTalk) {
					t.Errorf("after the call: %v", err)
				}
			})
		})
	}
}

// The words are the caller's own language, and only where they are asked for; the operator hears the tone alone.
func TestThePauseInWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, disk := pausable(t, t.TempDir(), func(o *Options) { o.Settings.Pause.Notice = true })
		defer disk.Close()
		d := h.talking()
		keysAt(d.aysel, "*49*49", 100*time.Millisecond)
		synctest.Wait()
		var words []string
		for _, s := range d.caller.Sound().Overlaid() {
			words = append(words, s.Key+"/"+string(s.Language))
		}
		if want := []string{"tone.paused/", "notice.recording.paused/az", "tone.resumed/", "notice.recording.resumed/az"}; !slices.Equal(words, want) {
			t.Errorf("the caller heard %v, want %v", words, want)
		}
		if got, want := told(d.aysel), []string{"tone.paused", "tone.resumed"}; !slices.Equal(got, want) {
			t.Errorf("the operator heard %v, want %v", got, want)
		}
		d.over()
	})
}

// While two are recorded they are reminded of it as often as the configuration says; not while they are not, nor
// in a hold, nor before the talk.
func TestTheReminderOfTheRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, disk := pausable(t, t.TempDir(), func(o *Options) { o.Settings.Tone = 15 * time.Second })
		defer disk.Close()
		d := h.talking()
		reminded := func(during time.Duration) (n int) {
			t.Helper()
			before := [2]int{count(told(d.caller), "tone.recording"), count(told(d.aysel), "tone.recording")}
			time.Sleep(during)
			synctest.Wait()
			n = count(told(d.caller), "tone.recording") - before[0]
			if m := count(told(d.aysel), "tone.recording") - before[1]; m != n {
				t.Errorf("the caller is reminded %d times, the operator %d", n, m)
			}
			return n
		}
		if n := reminded(time.Minute); n != 4 {
			t.Errorf("reminded %d times in a minute, want 4", n)
		}
		d.aysel.Tell(call.LegHeld)
		if n := reminded(time.Minute); n != 0 {
			t.Errorf("reminded %d times in a hold", n)
		}
		d.aysel.Tell(call.LegResumed)
		keysAt(d.aysel, "*49", 100*time.Millisecond)
		if n := reminded(time.Minute); n != 0 {
			t.Errorf("reminded %d times in a pause", n)
		}
		keysAt(d.aysel, "*49", 100*time.Millisecond)
		if n := reminded(14 * time.Second); n != 0 {
			t.Errorf("reminded %d times at once after the pause", n)
		}
		if n := reminded(time.Minute); n != 4 {
			t.Errorf("reminded %d times in a minute after the pause, want 4", n)
		}
		go func() {
			for range 12 {
				if err := d.line.ResumeRecording(context.Background(), d.id(), call.PausedByCommand, ""); !errors.Is(err, call.ErrNotPaused) {
					t.Errorf("there is no pause to end: %v", err)
				}
				time.Sleep(5 * time.Second)
			}
		}()
		if n := reminded(time.Minute); n != 4 {
			t.Errorf("reminded %d times in a minute in which somebody asks for what is refused, want 4", n)
		}
		d.over()
	})
}

// What telephones would like is noted, by whom, and not done.
func TestWishesAreNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, disk := pausable(t, t.TempDir())
		defer disk.Close()
		d := h.talking()
		d.caller.Wish("off")
		d.aysel.Wish("pause")
		time.Sleep(time.Second)
		d.wantJoined(d.aysel, "aysel") // a wish is no resume, and no hold
		if len(d.line.PausedRecordings()) > 0 || len(d.journal.named("call.held")) > 0 {
			t.Error("a wish was done")
		}
		d.over()
		got := d.events("recording.preference", "by", "who", "wish")
		slices.Sort(got)
		if want := []string{"caller,,off", "operator,aysel,pause"}; !slices.Equal(got, want) {
			t.Errorf("noted is %q, want %q", got, want)
		}
	})
}
