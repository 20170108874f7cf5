package recording

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// journey is one call: greeting and notice (500 Hz), music (700 Hz), an operator (900 Hz), hold,
// and the operator again. The caller says 300 Hz all the time. It ends after nine seconds, the
// last of them in silence.
func journey(k *talk) {
	k.SetLanguage("az")
	k.tones(2*time.Second, 300, 500)
	k.SetNotice(call.Notice{
		Key: "notice.recording", Language: "az", Version: "abcd", From: answered.Add(500 * time.Millisecond), To: answered.Add(1900 * time.Millisecond),
	})
	k.Voice(false, "waiting")
	k.tones(2*time.Second, 300, 700)
	k.Voice(true, "")
	k.Party(Party{Channel: "left", Role: "caller", From: answered.Add(k.at)})
	k.Party(Party{Channel: "right", Role: "operator", Name: "aysel", From: answered.Add(k.at)})
	k.tones(2*time.Second, 300, 900)
	k.Voice(false, "hold")
	k.tones(time.Second, 300, 700)
	k.Voice(true, "")
	k.tones(time.Second, 300, 900)
	k.PartyLeft("operator", "aysel", answered.Add(k.at))
	k.tones(time.Second, 0, 0)
}

// TestACallOnDisk judges the recording of a whole call by its tones, in both formats and laws,
// with our own ear and two foreign players, and its manifest to the byte.
func TestACallOnDisk(t *testing.T) {
	for _, c := range []struct {
		format string
		codec  call.Codec
		name   string
	}{{PCM16, call.PCMA, "pcm16"}, {PCM16, call.PCMU, "pcm16"}, {G711, call.PCMA, "alaw"}, {G711, call.PCMU, "ulaw"}} {
		t.Run(c.format+" of "+c.name, func(t *testing.T) {
			s := newStudio(t, c.format, nil)
			k := s.open(c.codec)
			journey(k)
			res := k.seal()
			file := s.file(k.Recording)
			if want := "recordings/2026/03/02/" + string(k.meta.Call) + ".wav"; res.Path != want || k.Path() != want {
				t.Errorf("the path is %s, not %s: the day is that of the arrival in Baku", res.Path, want)
			}
			if res.State != StateSealed || res.Duration != 9*time.Second || res.Samples != 72000 {
				t.Errorf("the result is %+v", res)
			}
			left, right := channels(t, file)
			judgeJourney(t, left, right)
			for player := range players {
				l, r := split(played(t, player, file))
				if !slices.Equal(l, left) || !slices.Equal(r, right) {
					t.Errorf("%s hears something else than we: %d and %d samples, not %d", player, len(l), len(r), len(left))
				}
			}
			judgeManifest(t, file, c.name, string(k.meta.Call))
			if faults, err := Verify(s.o.Dir, Proof{Expected: []Expected{{k.meta.Call, k.Path()}}}, nil); err != nil || len(faults) > 0 {
				t.Errorf("verify finds %v, %v", faults, err)
			}
			if got := s.told(); !slices.Equal(got, []string{"recording.started", "recording.sealed"}) {
				t.Errorf("the events are %v", got)
			}
			if left, err := filepath.Glob(file[:len(file)-len(soundExt)] + ".*"); err != nil || len(left) != 3 {
				t.Errorf("beside the recording stand %v, %v", left, err)
			}
		})
	}
}

// judgeJourney listens to the tones of journey.
func judgeJourney(t *testing.T, left, right []int16) {
	t.Helper()
	ms := time.Millisecond
	for _, c := range []struct {
		from, to    time.Duration
		said, heard float64 // 0: silence
	}{
		{0, 2000 * ms, 0, 500}, {2000 * ms, 4000 * ms, 0, 700}, {4000 * ms, 6000 * ms, 300, 900},
		{6000 * ms, 7000 * ms, 0, 700}, {7000 * ms, 8000 * ms, 300, 900}, {8000 * ms, 9000 * ms, 0, 0},
	} {
		for name, ch := range map[string]struct {
			pcm []int16
			hz  float64
		}{"left": {left, c.said}, "right": {right, c.heard}} {
			pcm := between(ch.pcm, c.from, c.to)
			switch {
			case ch.hz == 0 && slices.ContainsFunc(pcm, func(s int16) bool { return s > 8 || s < -8 }):
				t.Errorf("%s, %v to %v, is not silent: energy %.3f", name, c.from, c.to, rms(pcm))
			case ch.hz != 0 && (level(pcm, ch.hz) < 0.97 || rms(pcm) > 1.03):
				t.Errorf("%s, %v to %v: the tone of %v Hz has level %.3f in energy %.3f", name, c.from, c.to, ch.hz, level(pcm, ch.hz), rms(pcm))
			}
		}
	}
}

// judgeManifest compares the manifest of journey with what the contract says.
func judgeManifest(t *testing.T, file, codec, id string) {
	t.Helper()
	b, err := os.ReadFile(file[:len(file)-len(soundExt)] + manifestExt)
	if err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(sound)
	want := `{"version":1,"call":"` + id + `","node":"node-1","line":"919","language":"az","state":"sealed","codec":"` + codec +
		`","rate":8000,"samples":72000,"sha256":"` + hex.EncodeToString(sum[:]) +
		`","opened":"2026-03-01T20:05:00.123Z","ended":"2026-03-01T20:05:09.123Z","sealed":"2026-03-01T20:05:09.123Z",` +
		`"notice":{"key":"notice.recording","language":"az","version":"abcd","from":"2026-03-01T20:05:00.623Z","to":"2026-03-01T20:05:02.023Z"},` +
		`"gaps":[{"channel":"left","from":"2026-03-01T20:05:00.123Z","to":"2026-03-01T20:05:02.123Z","reason":"before_notice"},` +
		`{"channel":"left","from":"2026-03-01T20:05:02.123Z","to":"2026-03-01T20:05:04.123Z","reason":"waiting"},` +
		`{"channel":"left","from":"2026-03-01T20:05:06.123Z","to":"2026-03-01T20:05:07.123Z","reason":"hold"}],` +
		`"parties":[{"channel":"left","role":"caller","name":"","from":"2026-03-01T20:05:04.123Z","to":"2026-03-01T20:05:09.123Z"},` +
		`{"channel":"right","role":"operator","name":"aysel","from":"2026-03-01T20:05:04.123Z","to":"2026-03-01T20:05:08.123Z"}],"peaks":"` + sumOf(fileBeside(t, file)) + `","seq":2,"previous":"`
	if got := string(b); !strings.HasPrefix(got, want) {
		t.Errorf("the manifest is\n%s\nand should begin with\n%s", got, want)
	}
}

// TestLiveFilePlays: while the call goes on, both players play what there is, to the sample.
func TestLiveFilePlays(t *testing.T) {
	for _, format := range []string{PCM16, G711} {
		s := newStudio(t, format, nil)
		k := s.open(call.PCMA)
		k.Voice(true, "")
		for range 3 {
			k.tones(time.Second, 300, 500)
			soon(t, "the second is in the file", func() bool {
				items, err := List(s.o.Dir)
				return err == nil && len(items) == 1 && items[0].Duration == k.at && items[0].State == StateOpen
			})
			left, right := channels(t, s.file(k.Recording))
			for player := range players {
				l, r := split(played(t, player, s.file(k.Recording)))
				if !slices.Equal(l, left) || !slices.Equal(r, right) {
					t.Errorf("%s: %s plays %d samples of the live file, there are %d", format, player, len(l), len(left))
				}
			}
			if level(between(right, k.at-time.Second, k.at), 500) < 0.97 {
				t.Errorf("%s: the last second is not in the live file", format)
			}
		}
		k.seal()
	}
}

// TestSealIsAskedTwice, and by somebody who waits no longer than he said.
func TestSealIsAskedTwice(t *testing.T) {
	disk := new(gates)
	s := newStudio(t, PCM16, disk.onto)
	k := s.open(call.PCMA)
	k.tones(time.Second, 0, 500)
	soon(t, "a second is in the file", func() bool { items, _ := List(s.o.Dir); return len(items) == 1 && items[0].Duration == time.Second })
	resume := disk.stall()
	k.tones(time.Second, 0, 500)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	res, err := k.Seal(ctx, answered.Add(k.at))
	if !errors.Is(err, context.DeadlineExceeded) || res.State != StateOpen || res.Path != k.Path() {
		t.Errorf("a seal that hangs gives %+v, %v", res, err)
	}
	resume()
	res, err = k.Seal(t.Context(), answered.Add(time.Hour))
	if err != nil || res.State != StateSealed || res.Duration != 2*time.Second {
		t.Errorf("the second seal gives %+v, %v", res, err)
	}
	soon(t, "who did not wait is told", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.late) == 1 && s.late[0] == res })
	k.tones(time.Second, 0, 500) // after the end: nobody minds
	k.Voice(true, "")
	if faults, err := Verify(s.o.Dir, Proof{}, nil); err != nil || len(faults) > 0 {
		t.Errorf("verify finds %v, %v", faults, err)
	}
}

// TestOpenRefuses what is no call's id, a call that is being recorded, and after Close.
func TestOpenRefuses(t *testing.T) {
	s := newStudio(t, PCM16, nil)
	for _, id := range []call.ID{"", "../../../etc/passwd", "0192", call.ID(strings.ToUpper(string(call.NewID()))), "{0190163d-8694-739b-aea5-966c26f8ad91}"} {
		if _, err := s.Open(Meta{Call: id, Arrived: answered, Answered: answered}); err == nil {
			t.Errorf("%q was taken for the id of a call", id)
		}
	}
	k := s.open(call.PCMA)
	if _, err := s.Open(k.meta); err == nil {
		t.Error("one call is recorded twice")
	}
	k.seal()
	s.Close()
	if _, err := s.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close, Open says %v", err)
	}
	if _, err := k.Seal(t.Context(), answered); err != nil {
		t.Errorf("after Close, the result of a sealed call is gone: %v", err)
	}
}

// TestOptionsNameTheirPath: what is wrong with the options is told by the names people know.
func TestOptionsNameTheirPath(t *testing.T) {
	err := Options{Format: "mp3"}.Check()
	for _, want := range []string{"data:", `recording.format: "mp3"`, "timezone:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the complaint lacks %q: %v", want, err)
		}
	}
}

// TestABurstOnOneChannel: each channel has an axis of its own. Packets that the network held back
// for 600 ms on one, while the other goes on, stand where they were said.
func TestABurstOnOneChannel(t *testing.T) {
	s := newStudio(t, PCM16, nil)
	k := s.open(call.PCMA)
	k.Voice(true, "")
	k.tones(time.Second, 300, 500)
	var held []call.Frame
	for end := k.at + 600*time.Millisecond; k.at < end; k.at += 20 * time.Millisecond {
		n := timeSamples(k.at)
		held = append(held, call.Frame{Channel: call.Said, Codec: k.codec, Timestamp: k.base[0] + uint32(n), Payload: tone(300, n, k.codec)})
		k.frame(call.Heard, 500)
	}
	for _, f := range held {
		f.At = answered.Add(k.at)
		k.Take(f)
		k.frame(call.Heard, 500) // the same packet thirty times
	}
	k.at += 20 * time.Millisecond
	k.tones(time.Second, 300, 500)
	k.seal()
	left, _ := channels(t, s.file(k.Recording))
	if held := between(left, time.Second, 1600*time.Millisecond); level(held, 300) < 0.97 {
		t.Errorf("what was held back has level %.2f where it was said", level(held, 300))
	}
}
