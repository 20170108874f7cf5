//go:build acceptance

package acceptance

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/acceptance/ear"
	"hotline/phone"
)

// A pausedCall is what `call list` says of a recording that is paused.
type pausedCall struct {
	ID     string
	Paused *struct{ Operator, By, Who, Reason string } `json:"recording_paused"`
}

// pausedNow is what `call list` says of the newest call.
func (s *server) pausedNow() (c pausedCall) {
	s.t.Helper()
	if all := ask[struct{ Calls []pausedCall }](s, "call", "list").Calls; len(all) > 0 {
		c = all[0]
	}
	return c
}

// becomesPaused waits until the recording of the newest call is paused, or goes on.
func (s *server) becomesPaused(want bool) (c pausedCall) {
	s.t.Helper()
	eventually(s.t, 10*time.Second, "the recording is paused, or goes on", func() bool {
		c = s.pausedNow()
		return (c.Paused != nil) == want
	})
	return c
}

// pauseGap is the one pause of a recording, from its begin: it must be the same in both channels.
func pauseGap(t testing.TB, m manifest) (from, to time.Duration) {
	t.Helper()
	for _, g := range m.Gaps {
		if g.Reason != "paused" {
			continue
		}
		f, u := g.From.Sub(m.Opened), g.To.Sub(m.Opened)
		if to != 0 && (f != from || u != to) {
			t.Errorf("one channel is paused from %v to %v, the other from %v to %v", from, to, f, u)
		}
		from, to = f, u
	}
	if to == 0 {
		t.Fatalf("the manifest has no pause: %+v", m.Gaps)
	}
	return from, to
}

// The two tones of the beeps, in Hz.
const beepHigh, beepLow = 880, 587

// A whole pause with a softphone: the operator presses *49 in the talk and again. Both hear a beep, nobody else
// hears the keys, and the recording is silent in both channels exactly where its manifest says.
func TestAnOperatorsTelephonePausesARecording(t *testing.T) {
	s := newServer(t)
	s.addOperator("aysel", "az,en,ru")
	s.start()
	operator := newBaresip(t, "aysel", s.secrets["aysel"], "127.0.0.1:5070", 10000, "module stdio.so\nstatmode_default off\n")
	c := s.queued(s.citizen())
	s.hears(c, 1000)
	c.Media().Say(0.3, 300)
	time.Sleep(2 * time.Second)
	star := func() {
		for _, key := range "*49" {
			_, _ = operator.keys.Write([]byte(string(key)))
			time.Sleep(500 * time.Millisecond)
		}
	}
	star()
	p := s.becomesPaused(true)
	if p.Paused.By != "operator" || p.Paused.Who != "aysel" || p.Paused.Operator != "aysel" || p.Paused.Reason != "operator's key" {
		t.Errorf("call list shows %+v", p.Paused)
	}
	if out, _ := s.command("", "queue", "show"); !strings.Contains(out, "PAUSED RECORDING") || !strings.Contains(out, p.ID) {
		t.Errorf("queue show does not show the pause:\n%s", out)
	}
	if out, _ := s.command("", "queue", "watch", "--once"); !strings.Contains(out, "NOT RECORDED") {
		t.Errorf("the board does not show the pause:\n%s", out)
	}
	time.Sleep(2 * time.Second)
	star()
	s.becomesPaused(false)
	time.Sleep(2 * time.Second)
	heard, _ := c.Media().Timeline()
	s.hangUp(c)
	select {
	case key := <-c.Media().Keys():
		t.Errorf("the citizen's telephone was told of the operator's key %q", key)
	default:
	}
	r := s.lastRecord()
	m, file := s.manifest(r), s.sound(r)
	from, to := pauseGap(t, m)
	t.Logf("paused from %v to %v of %v", from, to, m.Ended.Sub(m.Opened))

	// By sox, over stretches; by every sample, at the edges. A manifest counts milliseconds.
	left, right := channels(t, file)
	for channel, pcm := range map[int]phone.Sound{1: left, 2: right} {
		if h := sox(t, file, channel, from+time.Millisecond, to-from-2*time.Millisecond); !h.silent() {
			t.Errorf("channel %d has sound in the pause: %+v", channel, h)
		}
		for _, at := range []time.Duration{from - 1500*time.Millisecond, to + 500*time.Millisecond} {
			if h := sox(t, file, channel, at, time.Second); h.rms < 0.02 {
				t.Errorf("channel %d is silent at %v: %+v", channel, at, h)
			}
		}
		at := func(d time.Duration) int { return int(d * 8000 / time.Second) }
		quiet := slices.IndexFunc(pcm[at(from)+8:at(to)-8], func(s int16) bool { return s > 8 || s < -8 })
		if quiet >= 0 {
			t.Errorf("channel %d: sample %d of the pause is not silent", channel, quiet)
		}
		if after := pcm[at(to)+8 : at(to)+8+1600]; after.RMS() < 0.02 {
			t.Errorf("channel %d is silent in the 200 ms after the pause", channel)
		}
	}
	if before := left[int(from*8000/time.Second)-1600-8:]; before[:1600].RMS() < 0.02 { // the operator's sound is keys then
		t.Error("the citizen is silent in the 200 ms before the pause")
	}

	// The beeps: both are heard by both, and the recording has the one that says that it goes on.
	operator.stop()
	byOperator, err := ear.ReadWAV(operator.heard(t))
	if err != nil {
		t.Fatal(err)
	}
	for who, pcm := range map[string][]int16{"citizen": heard, "operator": byOperator[0]} {
		stops := bends(pcm, map[string]time.Duration{"citizen": from - time.Second}[who], beepHigh, beepLow) // before it words are heard
		goes := bends(pcm, stops+time.Second, beepLow, beepHigh)
		t.Logf("the %s hears that it stops at %v, and that it goes on at %v", who, stops, goes)
		if between := goes - stops; stops < 0 || goes < 0 || between < to-from-400*time.Millisecond || between > to-from+400*time.Millisecond {
			t.Errorf("the %s hears beeps at %v and %v, which is not as long as the pause", who, stops, goes)
		}
	}
	start := from - time.Second
	if stops, goes := bends(right, start, beepHigh, beepLow), bends(right, start, beepLow, beepHigh); stops >= 0 || goes < to-50*time.Millisecond || goes > to+200*time.Millisecond {
		t.Errorf("the recording has beeps at %v and %v; want none, and one at %v", stops, goes, to)
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
	story, _ := s.command("", "call", "trace", r.ID)
	for _, want := range []string{"recording.paused", "recording.resumed", "operator's key"} {
		if !strings.Contains(story, want) {
			t.Errorf("the call's story has no %q", want)
		}
	}
	s.becomes(`hotline_recording_pauses_total{by="operator"}`, 1)
}

// An operator whose telephone cannot press keys in a talk holds the caller, dials *49 beside it, and comes back.
func TestAStarCodeBesideTheTalkPauses(t *testing.T) {
	s := newServer(t)
	s.addOperator("aysel", "az,en,ru")
	s.start()
	op := s.operatorPhone("aysel")
	c, taken := s.talk(s.citizen(), op)
	star := func() {
		t.Helper()
		if err := taken.Hold(within(t, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
		beside, err := op.Dial(within(t, 10*time.Second), phone.DialOptions{To: "sip:*49@127.0.0.1:5070"})
		if err != nil {
			t.Fatal(err)
		}
		s.over(beside)
		if err := taken.Resume(within(t, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
		s.hears(c, 1000)
	}
	star()
	if p := s.becomesPaused(true); p.Paused.By != "operator" || p.Paused.Who != "aysel" {
		t.Errorf("call list shows %+v", p.Paused)
	}
	time.Sleep(time.Second)
	star()
	s.becomesPaused(false)
	time.Sleep(time.Second)
	s.hangUp(c)
	r := s.lastRecord()
	from, to := pauseGap(t, s.manifest(r))
	for channel := 1; channel <= 2; channel++ {
		if h := sox(t, s.sound(r), channel, from+time.Millisecond, to-from-2*time.Millisecond); !h.silent() {
			t.Errorf("channel %d has sound in the pause: %+v", channel, h)
		}
	}
	if h := sox(t, s.sound(r), 1, to+300*time.Millisecond, 400*time.Millisecond); !h.has(440) {
		t.Errorf("after the pause the citizen is not heard: %+v", h)
	}
}

// Where the configuration asks for it, both hear again and again that they are recorded, and the caller hears in
// words that the recording stops, and, when the longest pause is over, that it goes on.
func TestBothAreRemindedOfTheRecording(t *testing.T) {
	s := newServer(t, "recording: {tone: 5s, pause: {longest: 8s, notice: true}}")
	s.addOperator("aysel", "az,en,ru")
	s.start()
	c, taken := s.talk(s.citizen(), s.operatorPhone("aysel"))
	c.Media().Silence()
	taken.Media().Silence()
	for range 2 {
		c.Media().Forget()
		taken.Media().Forget()
		s.hears(c, 1400)
		s.hears(taken, 1400)
		time.Sleep(time.Second)
	}
	if out, code := s.command("", "call", "pause", s.pausedNow().ID, "--reason", "a card number"); code != 0 {
		t.Fatalf("call pause: exit %d: %s", code, out)
	}
	s.heardClip(c, "notice.recording.paused", 0)
	s.heardClip(c, "notice.recording.resumed", 0)
	s.becomesPaused(false)
	s.hangUp(c)
	r := s.lastRecord()
	if from, to := pauseGap(t, s.manifest(r)); to-from < 7900*time.Millisecond || to-from > 8200*time.Millisecond {
		t.Errorf("the pause of 8 s lasted %v", to-from)
	}
	_, right := channels(t, s.sound(r))
	if first(right, 1400) < 0 {
		t.Error("the tone is not on the recording")
	}
}

// Telephones that are aware of recordings are told by SDP, both sides, also by the answer to an offer of theirs;
// those that are not get no INVITE for it. What they would like stands in the call's story.
func TestTelephonesAreToldOfTheRecording(t *testing.T) {
	names := []string{"a citizen's", "an operator's"}
	s, rooms := newRooms(t, len(names), nil)
	atOnce(t, rooms, names, func(i int, r *room) {
		pauses := func() {
			r.t.Helper()
			id := ""
			eventually(r.t, 20*time.Second, "the two talk", func() bool {
				for _, x := range r.ofLine() {
					id = x.ID
					out, code := s.in(r.t).command("", "call", "pause", id, "--reason", "a card number", "--by", "nigar")
					return code == 0 && strings.Contains(out, "paused")
				}
				return false
			})
			time.Sleep(3 * time.Second)
			if out, code := s.in(r.t).command("", "call", "resume", id, "--by", "nigar"); code != 0 {
				r.t.Errorf("call resume: exit %d: %s", code, out)
			}
		}
		if i == 0 {
			op := r.operator(0)
			run := sipp(r.t, sippOptions{scenario: "record-aware", port: 6700, bound: 90 * time.Second,
				keys: map[string]string{"line": r.line, "caller": "+000111177", "first": newEar(r.t, "127.0.0.1").port()}})
			taken := r.rung(op)
			if err := taken.Answer(); err != nil {
				r.t.Fatal(err)
			}
			taken.Media().Say(0.3, 1000)
			invites := taken.Received("INVITE")
			pauses()
			run.good(r.t)
			r.over(taken)
			if n := taken.Received("INVITE") - invites; n != 0 {
				r.t.Errorf("the operator's telephone, which is not aware, got %d INVITEs", n)
			}
			x := r.records(1, 10*time.Second)[0]
			story, _ := s.in(r.t).command("", "call", "trace", x.ID)
			if !strings.Contains(story, "recording.preference") || !strings.Contains(story, "nigar") || strings.Contains(story, "a=recordpref:off") {
				r.t.Errorf("the story does not say who paused, or what the telephone would like:\n%s", story)
			}
			return
		}
		r.registers(r.operators[0], 6710)
		run := r.sippPhone(r.operators[0], "phone-aware", 6710, map[string]string{"first": newEar(r.t, "127.0.0.1").port()})
		c := r.queued(r.caller())
		r.hears(c, 440) // itself: the telephone says back what it hears
		pauses()
		time.Sleep(time.Second)
		r.hangUp(c)
		run.good(r.t)
	})
}

// The server dies in a pause. What its successor seals says where the pause was and why, and has no sound in it.
func TestKillInAPause(t *testing.T) {
	s := newServer(t)
	s.addOperator("aysel", "az,en,ru")
	s.start()
	s.talk(s.citizen(), s.operatorPhone("aysel"))
	id := s.pausedNow().ID
	if out, code := s.command("", "call", "pause", id[:8], "--reason", "a passport number", "--by", "nigar", "--for", "90s"); code != 0 {
		t.Fatalf("call pause: exit %d: %s", code, out)
	}
	if out, code := s.command("", "call", "pause", id, "--reason", "again"); code == 0 {
		t.Errorf("paused twice: %s", out)
	}
	time.Sleep(3 * time.Second)
	s.kill()
	s.start()
	r := s.lastRecord()
	m := s.manifest(r)
	from, to := pauseGap(t, m)
	if m.State != "interrupted" || to-from < 2*time.Second || to > m.Ended.Sub(m.Opened)+time.Millisecond {
		t.Errorf("the manifest is %s and has a pause from %v to %v", m.State, from, to)
	}
	for channel := 1; channel <= 2; channel++ {
		if h := sox(t, s.sound(r), channel, from+time.Millisecond, to-from-2*time.Millisecond); !h.silent() {
			t.Errorf("channel %d has sound in the pause: %+v", channel, h)
		}
	}
	if b := s.read("data/" + strings.TrimSuffix(str(r.Recording), ".wav") + ".json"); !strings.Contains(b, `"why":"a passport number"`) {
		t.Errorf("the manifest does not say why: %s", b)
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
}

// What callers key where a secret is asked for is no sound in a recording, by whichever way it is keyed: not of a
// menu, and not of a talk while it is paused. multimon-ng finds keys that are no secret, so that it would find others.
func TestDigitsOfSecretsAreNoSound(t *testing.T) {
	s := journeyServer(t)
	tones := func(c *phone.Call, keys string) {
		t.Helper()
		if err := c.Media().PressTones(within(t, 20*time.Second), keys); err != nil {
			t.Error(err)
		}
	}
	ways := []struct {
		name, operator, language string
		event                    int // payload type of telephone-event; below 0: none
		menu, talk               func(c *phone.Call, keys string)
		found                    string // by multimon-ng
	}{
		{"by tones", "aysel", "1", -1, tones, tones, "57"},
		{"by events", "leyla", "2", 0, s.press, s.press, ""},
		{"by events, and tones in the sound", "samir", "3", 0, s.press, func(c *phone.Call, keys string) { s.press(c, keys); tones(c, keys) }, "57"},
	}
	tongues := []string{"az", "en", "ru"}
	for i, w := range ways {
		s.addOperator(w.operator, tongues[i]) // so each caller finds their own
	}
	s.start()
	var calls sync.WaitGroup
	for _, w := range ways {
		op := s.operatorPhone(w.operator)
		calls.Go(func() {
			c := s.dial(s.citizen(func(o *phone.Options) { o.EventType = w.event }))
			for _, step := range []struct {
				keys  string
				after time.Duration
			}{
				{w.language, 9500 * time.Millisecond}, // the notice
				{"2", time.Second}, {"1002#", 10 * time.Second}, {"1", 2 * time.Second}, {"01021990", 8 * time.Second}, {"0", 0},
			} {
				w.menu(c, step.keys)
				time.Sleep(step.after)
			}
			taken := s.rung(op)
			if err := taken.Answer(); err != nil {
				t.Error(err)
				return
			}
			taken.Media().Say(0.1, 2500)
			s.hears(c, 2500)
			time.Sleep(time.Second)
			w.talk(c, "5")
			time.Sleep(time.Second)
			s.press(taken, "*49")
			time.Sleep(time.Second)
			w.talk(c, "1234")
			time.Sleep(time.Second)
			s.press(taken, "*49")
			time.Sleep(time.Second)
			w.talk(c, "7")
			time.Sleep(time.Second)
			s.hangUp(c)
			s.over(taken)
		})
	}
	calls.Wait()
	s.becomes(`hotline_recording_pauses_total{by="operator"}`, 3)
	for i, w := range ways {
		at := slices.IndexFunc(s.records(), func(r record) bool { return str(r.Language) == tongues[i] })
		if at < 0 {
			t.Fatalf("%s: no record", w.name)
		}
		r := s.records()[at]
		pauseGap(t, s.manifest(r))
		if got := keysOn(t, s.sound(r), 1); got != w.found {
			t.Errorf("%s: multimon-ng finds the keys %q in what the citizen said, want %q", w.name, got, w.found)
		}
		if got := keysOn(t, s.sound(r), 2); got != "" {
			t.Errorf("%s: multimon-ng finds the keys %q in what the citizen heard", w.name, got)
		}
	}
	s.digitsAreNowhere("1002", "01021990", "1234")
}
