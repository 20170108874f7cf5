package recording

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

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

// A pause that begins and ends within packets cuts both channels at the same sample, wherever in the packets that
// is, and whether or not the writer had put the packet into the file already.
func TestAPauseCutsPackets(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		format := rapid.SampledFrom([]string{PCM16, G711}).Draw(r, "format")
		codec := rapid.SampledFrom([]call.Codec{call.PCMA, call.PCMU}).Draw(r, "codec")
		const packets = 20
		from := rapid.IntRange(160, packets*160-480).Draw(r, "from")
		to := rapid.IntRange(from, packets*160-161).Draw(r, "to")
		written := rapid.SliceOfN(rapid.Bool(), packets, packets).Draw(r, "written")

		now := answered
		rec := quietRecorder(t)
		rec.o.Format, rec.now = format, func() time.Time { return now }
		g, err := rec.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered, Codec: codec})
		if err != nil {
			r.Fatal(err)
		}
		g.Voice(true, "")
		at := func(sample int) time.Time { return answered.Add(samplesTime(int64(sample))) }
		turn := func(sample int, do func()) { // in the packet that is the newest then
			if sample >= int(timeSamples(now.Sub(answered))) && sample < int(timeSamples(now.Sub(answered)))+160 {
				before := now
				now = at(sample)
				do()
				now = before
			}
		}
		for i := range packets {
			now = at(i * 160)
			for ch := range call.Channel(2) {
				g.Take(call.Frame{Channel: ch, Codec: codec, Timestamp: uint32(i * 160), At: now, Payload: tone(500, int64(i*160), codec)})
			}
			if written[i] {
				rec.serve(g)
			}
			turn(from, func() { g.Pause("x") })
			if from < to {
				turn(to, func() { g.Resume(true, "") })
			}
		}
		if from == to {
			g.Resume(true, "")
		}
		res, err := sealQuiet(rec, g, at(packets*160))
		if err != nil || res.Samples != packets*160 {
			r.Fatalf("%d samples, %v", res.Samples, err)
		}
		left, right := channels(t, filepath.Join(rec.o.Dir, g.stem+soundExt))
		for name, pcm := range map[string][]int16{"left": left, "right": right} {
			loud := func(part []int16) int { return slices.IndexFunc(part, func(s int16) bool { return s > 8 || s < -8 }) }
			if i := loud(pcm[from:to]); from < to && i >= 0 {
				r.Errorf("%s: sample %d of a pause from %d to %d has sound", name, i, from, to)
			}
			if from == to {
				continue
			}
			if i := loud(pcm[max(0, from-9):from]); i < 0 {
				r.Errorf("%s: before the pause at %d there is silence", name, from)
			}
			// What comes in the packet of the moment at which it goes on was not held: it is lost to its end.
			if next := (to/160 + 1) * 160; rms(pcm[next:]) < 0.9 {
				r.Errorf("%s: after the pause there is energy %.2f", name, rms(pcm[next:]))
			}
		}
	})
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
	if done, err := Repair(t.Context(), s.o.Dir, s.o.Chain, func(call.ID) Meta { return Meta{} }); err != nil || len(done) != 1 {
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
