package recording

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hotline/call"
)

// quiet demands silence, to the sample: G.711's smallest value is 8.
func quiet(t *testing.T, what string, pcm []int16) {
	t.Helper()
	if i := slices.IndexFunc(pcm, func(s int16) bool { return s > 8 || s < -8 }); i >= 0 {
		t.Errorf("%s is not silent: sample %d is %d", what, i, pcm[i])
	}
}

// TestSecretsAreNotHeard: digits read back to the caller are silence in the file and a gap in the
// manifest; what the caller says meanwhile is there, and so is all before and behind.
func TestSecretsAreNotHeard(t *testing.T) {
	for _, format := range []string{PCM16, G711} {
		s := newStudio(t, format, nil)
		k := s.open(call.PCMA)
		k.Voice(true, "")
		k.tones(time.Second, 300, 500)
		k.Heard(false, "secret")
		k.tones(2*time.Second, 300, 600)
		k.Heard(true, "")
		k.tones(time.Second, 300, 700)
		if res := k.seal(); res.Duration != 4*time.Second {
			t.Errorf("%s: the recording lasts %v, the call 4 s", format, res.Duration)
		}
		file := s.file(k.Recording)
		left, right := channels(t, file)
		if level(left, 300) < 0.97 || level(between(right, 0, time.Second), 500) < 0.97 || level(between(right, 3*time.Second, 4*time.Second), 700) < 0.97 {
			t.Errorf("%s: what is no secret is not in its place", format)
		}
		quiet(t, format+": the secret", between(right, time.Second, 3*time.Second))
		if gaps, want := gapsOf(t, file, "secret"), []string{"right 1s 3s"}; !slices.Equal(gaps, want) {
			t.Errorf("%s: the gaps are %v, not %v", format, gaps, want)
		}
		if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{k.meta.Call, k.Path()}}}, nil); err != nil || len(faults) > 0 {
			t.Errorf("%s: verify finds %v, %v", format, faults, err)
		}
	}
}

// TestWhatWasTakenBeforeIsWritten: frames that wait in memory when the channel is turned off are
// still written; the next is not, and neither is the rest of one that lasts beyond.
func TestWhatWasTakenBeforeIsWritten(t *testing.T) {
	r := quietRecorder(t)
	now := answered
	r.now = func() time.Time { return now }
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		at := time.Duration(i) * 20 * time.Millisecond
		if i == 2 { // in the middle of the second packet
			now = answered.Add(30 * time.Millisecond)
			g.Heard(false, "emergency")
		}
		g.Take(call.Frame{Channel: call.Heard, Codec: call.PCMA, Timestamp: uint32(timeSamples(at)), At: answered.Add(at), Payload: tone(500, 0, call.PCMA)})
	}
	res, err := sealQuiet(r, g, answered.Add(80*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	_, right := channels(t, filepath.Join(r.o.Dir, g.stem+soundExt))
	if res.Samples != 640 || rms(right[:160]) < 0.9 || rms(right[160:240]) < 0.9 {
		t.Errorf("of %d samples, the first packet has energy %.2f, the half of the second %.2f", res.Samples, rms(right[:160]), rms(right[160:240]))
	}
	quiet(t, "what comes after", right[240:])
}

// TestNothingComesForLong: both channels are off for twenty minutes. The file goes on with
// silence while they pass, so that a kill finds it long enough, and what comes behind is in place.
func TestNothingComesForLong(t *testing.T) {
	s := newStudio(t, G711, nil)
	k := s.open(call.PCMU)
	k.Voice(true, "")
	k.tones(time.Second, 300, 500)
	k.Voice(false, "emergency")
	k.Heard(false, "emergency")
	for range 4 {
		for range 5 * 60 {
			k.tones(time.Second, 0, 0)
		}
		soon(t, "the file is as long as the call", func() bool {
			items, err := List(s.o.Dir)
			return err == nil && len(items) == 1 && items[0].Duration >= k.at-time.Second && items[0].Duration <= k.at
		})
	}
	k.Voice(true, "")
	k.Heard(true, "")
	k.tones(time.Second, 400, 700)
	res := k.seal()
	if want := 20*time.Minute + 2*time.Second; res.Duration != want {
		t.Errorf("the recording lasts %v, the call %v", res.Duration, want)
	}
	left, right := channels(t, s.file(k.Recording))
	end := res.Duration - time.Second
	if level(between(left, 0, time.Second), 300) < 0.97 || level(between(left, end, res.Duration), 400) < 0.97 ||
		level(between(right, 0, time.Second), 500) < 0.97 || level(between(right, end, res.Duration), 700) < 0.97 {
		t.Error("what is before and behind the silence is not in its place")
	}
	quiet(t, "left", between(left, time.Second, end))
	quiet(t, "right", between(right, time.Second, end))
	if gaps, want := gapsOf(t, s.file(k.Recording), "emergency"), []string{"left 1s 20m1s", "right 1s 20m1s"}; !slices.Equal(gaps, want) {
		t.Errorf("the gaps are %v, not %v", gaps, want)
	}
}

// TestKilledInASecret: the process dies while a channel is off. The repaired recording has the
// silence up to its end, and says why.
func TestKilledInASecret(t *testing.T) {
	s := newStudio(t, PCM16, nil)
	k := s.open(call.PCMA)
	k.tones(time.Second, 300, 500)
	k.Heard(false, "emergency")
	k.tones(3*time.Second, 300, 600)
	soon(t, "the silence is in the file", func() bool { items, _ := List(s.o.Dir); return len(items) == 1 && items[0].Duration == k.at-behind })
	s.Close() // as nobody has sealed the call, this is what a kill leaves
	done, err := Repair(t.Context(), s.o.Dir, s.o.Chain, func(call.ID) Meta { return Meta{} })
	if err != nil || len(done) != 1 || done[0].Duration != k.at-behind {
		t.Fatalf("repair gives %+v, %v", done, err)
	}
	file := s.file(k.Recording)
	_, right := channels(t, file)
	if level(between(right, 0, time.Second), 500) < 0.97 {
		t.Error("what was before is not there")
	}
	quiet(t, "the call to the emergency service", right[call.ClockRate:])
	if gaps, want := gapsOf(t, file, "emergency"), []string{"right 1s 3.5s"}; !slices.Equal(gaps, want) {
		t.Errorf("the gaps are %v, not %v", gaps, want)
	}
	if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{k.meta.Call, k.Path()}}}, nil); err != nil || len(faults) > 0 {
		t.Errorf("verify finds %v, %v", faults, err)
	}
}
