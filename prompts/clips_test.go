package prompts

import (
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"testing"

	"hotline/call"
	"hotline/prompts/sound"
)

// heardFloor is what a test takes for silence, in dBov, over 10 ms.
const heardFloor = -50.0

func clip(t *testing.T, file string) sound.Sound {
	t.Helper()
	data, err := fs.ReadFile(built, path.Join("clips", file))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sound.ReadWAV(data)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if s.Rate != call.ClockRate {
		t.Fatalf("%s has %d Hz", file, s.Rate)
	}
	return s
}

// TestCommittedClips measures every spoken clip: as loud as the others of its language and about
// as loud as people speak, not cut off, no long silence to wait through, no peak that clips.
func TestCommittedClips(t *testing.T) {
	for _, lang := range Shipped() {
		files, err := fs.Glob(built, "clips/"+string(lang)+"/*.wav")
		if err != nil || len(files) < 25 {
			t.Fatalf("%s: %d clips, %v", lang, len(files), err)
		}
		var levels []float64
		for _, file := range files {
			name := strings.TrimPrefix(file, "clips/")
			s := clip(t, name)
			level, peak := sound.ActiveLevel(s), sound.Peak(s.Samples)
			from, to := sound.Voiced(s, heardFloor)
			head := float64(from) / call.ClockRate * 1000
			tail := float64(len(s.Samples)-to) / call.ClockRate * 1000
			levels = append(levels, level)
			t.Logf("%-28s %5.2f s  %6.2f dBov  peak %6.2f dBFS  head %3.0f ms  tail %3.0f ms", name, s.Seconds(), level, peak, head, tail)
			longest := 12.0
			if strings.HasPrefix(path.Base(file), "docs.") {
				longest = 28 // paragraphs of the law
			}
			if s.Seconds() < 0.35 || s.Seconds() > longest {
				t.Errorf("%s lasts %.2f s", name, s.Seconds())
			}
			if math.Abs(level+22) > 1.5 {
				t.Errorf("%s is at %.1f dBov", name, level)
			}
			if peak > -2.9 {
				t.Errorf("%s peaks at %.1f dBFS", name, peak)
			}
			if head < 40 || head > 100 || tail < 80 || tail > 160 {
				t.Errorf("%s has %.0f ms of silence before and %.0f ms after", name, head, tail)
			}
			if first, last := s.Samples[0], s.Samples[len(s.Samples)-1]; math.Abs(first) > 0.002 || math.Abs(last) > 0.002 {
				t.Errorf("%s begins or ends with a click", name)
			}
			mean := 0.0
			for _, x := range s.Samples {
				mean += x / float64(len(s.Samples))
			}
			if math.Abs(mean) > 4e-4 { // A-law's smallest step is 2.4e-4
				t.Errorf("%s has a steady part of %g", name, mean)
			}
		}
		slices.Sort(levels)
		for _, level := range levels {
			if middle := levels[len(levels)/2]; math.Abs(level-middle) > 3 {
				t.Errorf("%s: a clip of %.1f dBov among those of %.1f", lang, level, middle)
			}
		}
	}
}

// TestClipsStayUnderTheBand: above 3.6 kHz there is next to nothing, so no coder turns it into noise.
func TestClipsStayUnderTheBand(t *testing.T) {
	for _, file := range []string{"az/notice.recording.wav", "en/notice.recording.wav", "ru/notice.recording.wav", MusicFile} {
		s := clip(t, file)
		if above := bandLevel(s, 3700, 3990) - sound.Level(s.Samples); above > -30 {
			t.Errorf("%s: what is above 3.7 kHz is only %.1f dB below the whole", file, -above)
		}
		if below := bandLevel(s, 5, 60) - sound.Level(s.Samples); below > -25 {
			t.Errorf("%s: what is below 60 Hz is only %.1f dB below the whole", file, -below)
		}
	}
}

// bandLevel is the level of what lies between two frequencies, by a Fourier sum over blocks.
func bandLevel(s sound.Sound, from, to float64) float64 {
	const block = 1600 // 5 Hz
	energy, n := 0.0, 0
	for at := 0; at+block <= len(s.Samples) && n < 20; at += block {
		n++
		for k := int(from / 5); k <= int(to/5); k++ {
			var re, im float64
			for i, x := range s.Samples[at : at+block] {
				hann := 1 - math.Cos(2*math.Pi*float64(i)/block) // mean 1
				angle := 2 * math.Pi * float64(k) * float64(i) / block
				re += hann * x * math.Cos(angle)
				im += hann * x * math.Sin(angle)
			}
			energy += 2 * (re*re + im*im) / block / block / 1.5
		}
	}
	return 10 * math.Log10(energy/float64(n)+1e-12)
}

func TestTones(t *testing.T) {
	for _, key := range tones() {
		s := clip(t, key+".wav")
		if l := sound.ActiveLevel(s); math.Abs(l+22) > 2 || s.Seconds() > 1 {
			t.Errorf("%s: %.1f dBov, %.1f s", key, l, s.Seconds())
		}
	}
}

// TestMusicIsQuietAndHasNoSeam: the music is well below a voice, never startles, and where its end
// meets its beginning it goes on as it does anywhere else.
func TestMusicIsQuietAndHasNoSeam(t *testing.T) {
	s := clip(t, MusicFile)
	if sec := s.Seconds(); sec < 40 || sec > 60 {
		t.Errorf("the music lasts %.1f s", sec)
	}
	if level := sound.Level(s.Samples); math.Abs(level+30) > 1 {
		t.Errorf("the music is at %.1f dBov", level)
	}
	if peak := sound.Peak(s.Samples); peak > -15 {
		t.Errorf("the music peaks at %.1f dBFS", peak)
	}
	// The second difference is what a click is made of.
	n := len(s.Samples)
	bend := func(i int) float64 {
		return math.Abs(s.Samples[(i+1)%n] - 2*s.Samples[i%n] + s.Samples[(i+n-1)%n])
	}
	most := 0.0
	for i := 1000; i < n-1000; i++ {
		most = max(most, bend(i))
	}
	for i := n - 3; i < n+3; i++ {
		if b := bend(i); b > most {
			t.Errorf("the seam bends by %g, the rest by %g at most", b, most)
		}
	}
	ring := append(slices.Clone(s.Samples[n-400:]), s.Samples[:400]...)
	if seam, end := sound.Level(ring), sound.Level(s.Samples[n-2000:n-1200]); math.Abs(seam-end) > 6 {
		t.Errorf("the seam is at %.1f dBov, what is before it at %.1f", seam, end)
	}
	for at := 0; at+call.ClockRate/2 <= n; at += call.ClockRate / 2 {
		if l := sound.Level(s.Samples[at : at+call.ClockRate/2]); l < -42 || l > -22 {
			t.Errorf("at %.1f s the music is at %.1f dBov", float64(at)/call.ClockRate, l)
		}
	}
}

// pieces are those that only one language needs.
var pieces = map[string]bool{"number.1.f": true, "number.2.f": true, "number.and": true, "time.oh": true, "time.am": true, "time.pm": true}

// TestClipsAreThoseOfTheCatalogue: no clip is missing, none is left over, and all together stay small.
func TestClipsAreThoseOfTheCatalogue(t *testing.T) {
	entries, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{MusicFile: true, "tone.ok.wav": true, "tone.error.wav": true, "tone.beep.wav": true,
		"tone.paused.wav": true, "tone.resumed.wav": true, "tone.recording.wav": true}
	for _, e := range entries {
		if _, piece := pieces[e.Key]; len(e.Texts) != len(Shipped()) && !piece {
			t.Errorf("%s has %d texts", e.Key, len(e.Texts))
		}
		for lang := range e.Texts {
			want[string(lang)+"/"+e.Key+".wav"] = true
		}
	}
	var bytes int64
	err = fs.WalkDir(built, "clips", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		bytes += info.Size()
		if name := strings.TrimPrefix(p, "clips/"); strings.HasSuffix(name, ".wav") && !want[name] {
			t.Errorf("%s is in no catalogue", name)
		} else {
			delete(want, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("%s is missing: run make prompts", name)
	}
	if bytes > 24<<20 {
		t.Errorf("the clips have %d bytes", bytes)
	}
}
