package recording

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
)

// plainPeaks finds peaks the slow way.
func plainPeaks(left, right []int16, linear bool) (cells []byte) {
	loud := func(pcm []int16) (most byte) {
		for _, s := range pcm {
			v := int(s)
			switch {
			case v < 0 && linear:
				v = -v - 1
			case v < 0:
				v = -v
			}
			most = max(most, byte(v/128))
		}
		return most
	}
	for at := 0; at < len(left); at += 800 {
		end := min(at+800, len(left))
		cells = append(cells, loud(left[at:end]), loud(right[at:end]))
	}
	return cells
}

// The fast tally says what the slow one says, of any sound in any pieces.
func TestPeaksAreTheLoudestSamples(t *testing.T) {
	t.Parallel()
	tables := makeTables()
	rapid.Check(t, func(t *rapid.T) {
		f := format{codec: rapid.SampledFrom([]string{codecPCM16, codecALaw, codecULaw}).Draw(t, "codec"), tables: tables}
		body := rapid.SliceOfN(rapid.Byte(), 0, 4000*f.frame()).Draw(t, "sound")
		body = body[:len(body)/f.frame()*f.frame()]
		left, right := split(decoded(f, body))
		sum := tally{}
		for rest := body; len(rest) > 0; {
			n := min(len(rest), f.frame()*rapid.IntRange(1, 1000).Draw(t, "piece"))
			sum.add(f, rest[:n])
			rest = rest[n:]
		}
		sum.end(f)
		if want := plainPeaks(left, right, f.codec == codecPCM16); !bytes.Equal(sum.cells, want) {
			t.Fatalf("%s, %d samples: %v, want %v", f.codec, len(left), sum.cells, want)
		}
		again, err := tallySound(bytes.NewReader(append(f.head(-1), body...)), f, int64(len(left)))
		if err != nil || !bytes.Equal(again, sum.cells) {
			t.Fatalf("read from the file: %v, %v", again, err)
		}
	})
}

// What is left beside a sealed call is what a foreign player hears of it: with packets that came late, a pause,
// both laws and both formats.
func TestPeaksOfACallAreThoseThatSoxHears(t *testing.T) {
	t.Parallel()
	for _, format := range []string{PCM16, G711} {
		for _, c := range []call.Codec{call.PCMA, call.PCMU} {
			s := newStudio(t, format, nil)
			k := s.open(c)
			k.Voice(true, "")
			k.tones(3*time.Second, 440, 1000).tones(700*time.Millisecond, 0, 0)
			for back := 100 * time.Millisecond; back <= 1900*time.Millisecond; back += 300 * time.Millisecond { // late by so much
				late := k.at - back
				k.Take(call.Frame{
					Channel: call.Said, Codec: c, Timestamp: k.base[0] + uint32(timeSamples(late)), At: answered.Add(k.at), Payload: bytes.Repeat([]byte{0x80}, 160),
				})
			}
			k.tones(1500*time.Millisecond, 0, 300)
			k.Voice(false, "hold")
			k.tones(1130*time.Millisecond, 440, 440)
			res := k.seal()
			wav := s.file(k.Recording)
			cells := cellsBeside(t, wav)
			left, right := split(played(t, "sox", wav))
			if want := plainPeaks(left, right, format == PCM16); !bytes.Equal(cells, want) {
				t.Errorf("%s %d: %d cells, want %d:\n%v\n%v", format, c, len(cells), len(want), cells, want)
			}
			if m := readManifest(t, wav); m["peaks"] != sumOf(fileBeside(t, wav)) {
				t.Errorf("%s: the manifest says %v", format, m["peaks"])
			}
			if n := (res.Samples + 799) / 800 * 2; int64(len(cells)) != n {
				t.Errorf("%d bytes of cells for %d samples", len(cells), res.Samples)
			}
		}
	}
}

func fileBeside(t *testing.T, wav string) []byte {
	t.Helper()
	b, err := os.ReadFile(wav[:len(wav)-len(soundExt)] + peaksExt)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// cellsBeside reads a peaks file as a stranger would who has read its description.
func cellsBeside(t *testing.T, wav string) []byte {
	t.Helper()
	b := fileBeside(t, wav)
	if string(b[:4]) != "PEAK" || b[4] != 1 || b[5] != 2 || binary.LittleEndian.Uint16(b[6:]) != 10 || int(binary.LittleEndian.Uint64(b[8:])) != (len(b)-16)/2 {
		t.Fatalf("the header of the peaks is % x", b[:16])
	}
	return b[16:]
}

// Where the disk refused some of the sound, the peaks are those of what it took.
func TestPeaksOfATornCallAreThoseOfItsFile(t *testing.T) {
	t.Parallel()
	shut := new(gates)
	s := newStudio(t, PCM16, shut.onto)
	k := s.open(call.PCMA)
	k.Voice(true, "")
	k.tones(time.Second, 440, 1000)
	soon(t, "the file is there", func() bool { return k.file.Load() != nil })
	shut.shut(os.ErrPermission)
	soon(t, "the disk refuses", func() bool {
		k.tones(500*time.Millisecond, 440, 1000)
		return k.Err() != nil && k.at > 5*time.Second
	})
	shut.shut(nil)
	k.tones(2*time.Second, 0, 500)
	soon(t, "the disk takes it again", func() bool {
		k.tones(100*time.Millisecond, 0, 500)
		return s.Healthy() == nil
	})
	k.seal()
	left, right := split(played(t, "sox", s.file(k.Recording)))
	if want, got := plainPeaks(left, right, true), cellsBeside(t, s.file(k.Recording)); !bytes.Equal(got, want) {
		t.Errorf("\n%v, want\n%v", got, want)
	}
}

// A call whose process died has its peaks after the repair; a file of them that was changed is found, and is not
// believed.
func TestPeaksOfAnInterruptedCall(t *testing.T) {
	t.Parallel()
	s := newStudio(t, G711, nil)
	k := s.open(call.PCMU)
	k.Voice(true, "")
	k.tones(2300*time.Millisecond, 440, 1000)
	k.seal()
	wav := s.file(k.Recording)
	sealed := fileBeside(t, wav)
	for _, ext := range []string{peaksExt, manifestExt} {
		if err := os.Remove(wav[:len(wav)-len(soundExt)] + ext); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	dir := filepath.Join(s.data, folder)
	if _, err := Repair(t.Context(), dir, nil, func(id call.ID) Meta { return Meta{Call: id, Answered: answered} }); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fileBeside(t, wav), sealed) {
		t.Error("the repair has found other peaks than the seal")
	}
	if faults, err := Verify(dir, Proof{Alone: true}, nil); err != nil || len(faults) > 0 {
		t.Fatalf("%v, %v", faults, err)
	}
	want, err := See(dir, k.meta.Call, nil)
	if err != nil || len(want.Peaks.Said) != 23 {
		t.Fatalf("%d cells, %v", len(want.Peaks.Said), err)
	}
	sealed[20] ^= 1
	if err := os.WriteFile(wav[:len(wav)-len(soundExt)]+peaksExt, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	if faults, err := Verify(dir, Proof{Alone: true}, nil); err != nil || len(faults) != 1 {
		t.Errorf("a changed file of peaks: %v, %v", faults, err)
	}
	if got, err := See(dir, k.meta.Call, nil); err != nil || !bytes.Equal(got.Peaks.Said, want.Peaks.Said) || !bytes.Equal(got.Peaks.Heard, want.Peaks.Heard) {
		t.Errorf("a changed file of peaks is believed: %v", err)
	}
}

// A call may be looked at while it runs.
func TestARunningCallIsSeen(t *testing.T) {
	t.Parallel()
	s := newStudio(t, PCM16, nil)
	k := s.open(call.PCMA)
	k.Voice(true, "")
	k.SetLanguage("ru")
	k.tones(3*time.Second, 440, 0)
	soon(t, "it is written", func() bool {
		seen, err := See(filepath.Join(s.data, folder), k.meta.Call, nil)
		return err == nil && seen.State == StateOpen && seen.Samples >= 20000 && seen.Language == "ru" && len(seen.Peaks.Said) > 20 && seen.Peaks.Said[10] > 40
	})
	k.seal()
	if _, err := See(filepath.Join(s.data, folder), call.NewID(), nil); err == nil {
		t.Error("a call that nobody made is seen")
	}
}

// One channel of a copy is silence, and the other is what it was: judged by sox.
func TestASilencedCopy(t *testing.T) {
	t.Parallel()
	for _, format := range []string{PCM16, G711} {
		s := newStudio(t, format, nil)
		k := s.open(call.PCMA)
		k.Voice(true, "")
		k.tones(1700*time.Millisecond, 440, 1000)
		k.seal()
		wav := s.file(k.Recording)
		wantLeft, wantRight := split(played(t, "sox", wav))
		for _, quiet := range []call.Channel{call.Said, call.Heard} {
			sound, err := OpenSound(filepath.Join(s.data, folder), k.meta.Call, nil)
			if err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(t.TempDir(), "copy.wav")
			f, err := os.Create(copied)
			if err != nil {
				t.Fatal(err)
			}
			if err := Silence(f, sound, quiet); err != nil {
				t.Fatal(err)
			}
			f.Close()
			sound.Close()
			left, right := split(played(t, "sox", copied))
			want := [2][]int16{wantLeft, wantRight}
			for ch, pcm := range [2][]int16{left, right} {
				switch {
				case call.Channel(ch) == quiet && (len(pcm) != len(want[ch]) || rms(pcm) > 0.002): // A-law has no zero
					t.Errorf("%s: channel %d is not silent: %f, %d samples", format, ch, rms(pcm), len(pcm))
				case call.Channel(ch) != quiet && level(pcm, []float64{440, 1000}[ch]) < 0.9:
					t.Errorf("%s: channel %d was lost", format, ch)
				}
			}
		}
	}
}

// The writer makes no garbage for the peaks.
func TestPeaksAllocateNothing(t *testing.T) {
	r := quietRecorder(t)
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	r.serve(g)
	at, payload := time.Duration(0), tone(440, 0, call.PCMA)
	if n := testing.AllocsPerRun(200, func() {
		for i := range time.Duration(5) {
			g.place(frame{channel: call.Heard, codec: call.PCMA, timestamp: uint32(timeSamples(at + i*20*time.Millisecond)), at: at + i*20*time.Millisecond, payload: payload})
		}
		at += 100 * time.Millisecond
		if err := g.writer.window.flush(); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations each 100 ms", n)
	}
	g.closeFiles()
}

func BenchmarkPeaks(b *testing.B) {
	for _, codec := range []string{codecPCM16, codecALaw} {
		b.Run(codec, func(b *testing.B) {
			f := format{codec: codec, tables: makeTables()}
			sound := make([]byte, cellSamples*f.frame())
			for i := range sound {
				sound[i] = byte(i * i)
			}
			sum := tally{cells: make([]byte, 0, 1024)}
			b.ReportAllocs()
			for b.Loop() { // one op is 100 ms of a call, both channels
				sum.add(f, sound)
				sum.cells = sum.cells[:0]
			}
		})
	}
}

// Whatever a file of peaks holds, it is taken as what it says or not at all.
func TestAnyFileOfPeaks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cells := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "cells")
		cells = cells[:len(cells)/2*2]
		good := packPeaks(cells)
		if got, err := unpackPeaks(good); err != nil || !bytes.Equal(got, cells) {
			t.Fatalf("%v comes back as %v, %v", cells, got, err)
		}
		bad := bytes.Clone(good)
		if at := rapid.IntRange(0, len(bad)).Draw(t, "cut"); at < len(bad) && rapid.Bool().Draw(t, "shorter") {
			bad = bad[:at]
		} else {
			bad[at%peaksHead] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		if got, err := unpackPeaks(bad); err == nil {
			t.Fatalf("% x is taken for %v", bad, got)
		}
		_, _ = unpackPeaks(rapid.SliceOf(rapid.Byte()).Draw(t, "anything"))
	})
}
