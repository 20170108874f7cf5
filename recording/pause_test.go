package recording

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hotline/call"
)

// A pause is silence on both channels from one sample to another, however packets lie over its edges, and a
// gap of each that says why; what is before and behind is there to the sample.
func TestAPauseIsSilentToTheSample(t *testing.T) {
	for _, format := range []string{PCM16, G711} {
		s := newStudio(t, format, nil)
		k := s.open(call.PCMA)
		k.Voice(true, "")
		k.tones(time.Second, 300, 500)
		k.Pause("a card number")
		k.Pause("a card number") // said twice, done once
		k.tones(2*time.Second, 300, 600)
		k.Voice(false, "hold") // what is no pause any more is another gap
		k.tones(time.Second, 300, 600)
		k.Pause("a card number")
		k.tones(time.Second, 300, 600)
		k.Resume(true, "")
		k.tones(time.Second, 300, 700)
		k.Pause("again")
		k.tones(time.Second, 300, 600)
		k.Resume(false, "waiting")
		k.tones(time.Second, 300, 800)
		if res := k.seal(); res.Duration != 8*time.Second {
			t.Errorf("%s: the recording lasts %v, the call 8 s", format, res.Duration)
		}
		file := s.file(k.Recording)
		left, right := channels(t, file)
		for _, x := range []struct {
			pcm      []int16
			from, to time.Duration
			hz       float64 // 0: silence
		}{
			{left, 0, 1, 300}, {left, 1, 5, 0}, {left, 5, 6, 300}, {left, 6, 8, 0},
			{right, 0, 1, 500}, {right, 1, 5, 0}, {right, 5, 6, 700}, {right, 6, 7, 0}, {right, 7, 8, 800},
		} {
			part := between(x.pcm, x.from*time.Second, x.to*time.Second)
			if x.hz == 0 {
				quiet(t, format+": the pause", part)
			} else if level(part, x.hz) < 0.97 {
				t.Errorf("%s: %v Hz from %d s to %d s are not in their place", format, x.hz, x.from, x.to)
			}
		}
		if gaps, want := gapsOf(t, file, paused), []string{"left 1s 3s", "right 1s 5s", "left 4s 5s", "left 6s 7s", "right 6s 7s"}; !slices.Equal(gaps, want) {
			t.Errorf("%s: the gaps are %v, not %v", format, gaps, want)
		}
		for _, g := range readManifest(t, file)["gaps"].([]any) {
			gap := g.(map[string]any)
			if why, said := gap["why"]; said != (gap["reason"] == paused) || said && why != "a card number" && why != "again" {
				t.Errorf("%s: a gap of reason %v says why: %v", format, gap["reason"], why)
			}
		}
		if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{k.meta.Call, k.Path()}}}, nil); err != nil || len(faults) > 0 {
			t.Errorf("%s: verify finds %v, %v", format, faults, err)
		}
	}
}

// A pause that begins and ends within packets cuts both channels at the same sample.
func TestAPauseCutsPackets(t *testing.T) {
	r := quietRecorder(t)
	now := answered
	r.now = func() time.Time { return now }
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	g.Voice(true, "")
	for i := range 6 {
		at := time.Duration(i) * 20 * time.Millisecond
		switch i {
		case 2: // in the middle of the second packet
			now = answered.Add(30 * time.Millisecond)
			g.Pause("x")
		case 4: // at the begin of the fifth
			now = answered.Add(80 * time.Millisecond)
			g.Resume(true, "")
		}
		for ch := range call.Channel(2) {
			g.Take(call.Frame{Channel: ch, Codec: call.PCMA, Timestamp: uint32(timeSamples(at)), At: answered.Add(at), Payload: tone(500, 0, call.PCMA)})
		}
	}
	if _, err := sealQuiet(r, g, answered.Add(120*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	left, right := channels(t, filepath.Join(r.o.Dir, g.stem+soundExt))
	for _, pcm := range [][]int16{left, right} {
		if rms(pcm[:240]) < 0.9 || rms(pcm[640:960]) < 0.9 {
			t.Errorf("before the pause there is energy %.2f, after it %.2f", rms(pcm[:240]), rms(pcm[640:960]))
		}
		quiet(t, "the pause", pcm[240:640])
	}
}

// The process dies in a pause: the repaired recording is silent up to its end, and says where and why.
func TestKilledInAPause(t *testing.T) {
	s := newStudio(t, PCM16, nil)
	k := s.open(call.PCMA)
	k.Voice(true, "")
	k.tones(time.Second, 300, 500)
	k.Pause("a passport number")
	k.tones(3*time.Second, 300, 600)
	soon(t, "the silence is in the file", func() bool { items, _ := List(s.o.Dir); return len(items) == 1 && items[0].Duration == k.at-behind })
	s.Close() // as nobody has sealed the call, this is what a kill leaves
	if done, err := Repair(t.Context(), s.o.Dir, nil, func(call.ID) Meta { return Meta{} }); err != nil || len(done) != 1 {
		t.Fatalf("repair gives %+v, %v", done, err)
	}
	file := s.file(k.Recording)
	left, right := channels(t, file)
	quiet(t, "left", left[call.ClockRate:])
	quiet(t, "right", right[call.ClockRate:])
	if gaps, want := gapsOf(t, file, paused), []string{"left 1s 3.5s", "right 1s 3.5s"}; !slices.Equal(gaps, want) {
		t.Errorf("the gaps are %v, not %v", gaps, want)
	}
	if first := readManifest(t, file)["gaps"].([]any)[0].(map[string]any); first["why"] != "a passport number" {
		t.Errorf("the gap is %v", first)
	}
}
