package sound

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hotline/media"
)

func sine(rate int, hz, amplitude, seconds float64) Sound {
	s := Sound{Rate: rate, Samples: make([]float64, int(seconds*float64(rate)))}
	for i := range s.Samples {
		s.Samples[i] = amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))
	}
	return s
}

func near(t *testing.T, what string, got, want, by float64) {
	t.Helper()
	if math.Abs(got-want) > by {
		t.Errorf("%s: %.2f, want %.2f", what, got, want)
	}
}

// TestResampleKeepsTheBandAndDropsTheRest: a tone of the telephone band comes through as it was, in
// level and in place; one that would fold back into it is gone.
func TestResampleKeepsTheBandAndDropsTheRest(t *testing.T) {
	for _, rate := range []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000} {
		for _, hz := range []float64{150, 1000, 3100} {
			in := sine(rate, hz, 0.5, 0.5)
			out := Resample(in, 8000)
			if len(out.Samples) != 4000 {
				t.Fatalf("%d Hz: %d samples", rate, len(out.Samples))
			}
			ideal := sine(8000, hz, 0.5, 0.5)
			worst := 0.0
			for i := 200; i < 3800; i++ {
				worst = max(worst, math.Abs(out.Samples[i]-ideal.Samples[i]))
			}
			if worst > 0.003 {
				t.Errorf("%.0f Hz from %d Hz is off by %g", hz, rate, worst)
			}
		}
		for _, hz := range []float64{4100, 5000, 7900} {
			if float64(rate) > 2*hz {
				out := Resample(sine(rate, hz, 0.5, 0.5), 8000)
				if l := Level(out.Samples[400:3600]); l > -70 {
					t.Errorf("%.0f Hz from %d Hz folds back at %.1f dBov", hz, rate, l)
				}
			}
		}
	}
	up := Resample(sine(8000, 1000, 0.5, 0.2), 48000)
	near(t, "up", Level(up.Samples[2000:8000]), Level(sine(48000, 1000, 0.5, 0.2).Samples), 0.05)
}

// TestActiveLevel: pauses do not change it, a gain changes it by itself, and a steady tone has its
// plain level.
func TestActiveLevel(t *testing.T) {
	tone := sine(8000, 500, 0.1, 2)
	near(t, "steady tone", ActiveLevel(tone), -23.0, 0.1)
	paused := Sound{Rate: 8000}
	for range 4 {
		paused.Samples = append(paused.Samples, tone.Samples[:8000]...)
		paused.Samples = append(paused.Samples, make([]float64, 16000)...)
	}
	// Each pause is taken for speech during its first 200 ms.
	near(t, "with pauses", ActiveLevel(paused), -23.0+10*math.Log10(1/1.2), 0.4)
	near(t, "mean with pauses", Level(paused.Samples), -27.8, 0.1)
	near(t, "6 dB more", ActiveLevel(Gain(paused, 6))-ActiveLevel(paused), 6, 0.1)
	near(t, "other rate", ActiveLevel(Resample(paused, 16000)), ActiveLevel(paused), 0.1)
	if l := ActiveLevel(Sound{Rate: 8000, Samples: make([]float64, 100)}); l != Silence {
		t.Errorf("silence is at %g", l)
	}
}

func TestHighPassLimitTrim(t *testing.T) {
	low := HighPass(sine(8000, 50, 0.5, 1), 120)
	if l := Level(low.Samples[2000:]); l > -36 {
		t.Errorf("50 Hz is left at %.1f dBov", l)
	}
	mid := HighPass(sine(8000, 400, 0.5, 1), 120)
	near(t, "400 Hz", Level(mid.Samples[2000:]), -9.03, 0.1)
	dc := Sound{Rate: 8000, Samples: slices.Repeat([]float64{0.3}, 8000)}
	if p := Peak(HighPass(dc, 120).Samples); p > -100 {
		t.Errorf("a steady part is left at %.1f dBFS", p)
	}

	loud := Limit(sine(8000, 400, 3, 0.1), -3)
	if p := Peak(loud.Samples); p > -3 {
		t.Errorf("limited to %.2f dBFS", p)
	}
	quiet := sine(8000, 400, 0.3, 0.1)
	if !slices.Equal(Limit(quiet, -3).Samples, quiet.Samples) {
		t.Error("a quiet sound was changed")
	}

	long := Sound{Rate: 8000, Samples: slices.Concat(make([]float64, 8000), sine(8000, 400, 0.3, 0.5).Samples, make([]float64, 8000))}
	for _, s := range []Sound{long, sine(8000, 400, 0.3, 0.5)} {
		if n := len(Trim(s, -50, 0.06, 0.12).Samples); n != 480+4000+960 {
			t.Errorf("trimmed to %d samples", n)
		}
	}
	if n := len(Trim(Sound{Rate: 8000, Samples: make([]float64, 8000)}, -50, 0.06, 0.12).Samples); n != 480+960 {
		t.Errorf("silence trimmed to %d samples", n)
	}
}

// TestALoudRoomIsNoVoice: what a caller would wait through is cut off, be it silence or the noise of a room,
// and a voice that is loud all the time is not.
func TestALoudRoomIsNoVoice(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, dB := range []float64{-120, -60, -40, -28} { // of the noise, under a voice of -10
		s := Sound{Rate: 16000, Samples: slices.Concat(make([]float64, 16000), sine(16000, 500, 0.45, 1).Samples, make([]float64, 16000))}
		for i := range s.Samples {
			s.Samples[i] += random.NormFloat64() * math.Pow(10, dB/20)
		}
		near(t, fmt.Sprintf("quietest at %g", dB), Quietest(s), dB, 3)
		near(t, fmt.Sprintf("length at %g", dB), Telephone(s)[0].Seconds(), 1.18, 0.03)
	}
	near(t, "no pause", Telephone(sine(16000, 500, 0.45, 1))[0].Seconds(), 1.18, 0.03)
	if q := Quietest(Sound{Rate: 8000, Samples: make([]float64, 10)}); q != Silence {
		t.Errorf("nothing is at %g", q)
	}
}

// wav builds a file as other programs do.
func wav(tag, channels, rate, bits int, extensible bool, data []byte, before ...byte) []byte {
	le := binary.LittleEndian
	head := le.AppendUint16(nil, uint16(tag))
	if extensible {
		head = le.AppendUint16(nil, tagExtensible)
	}
	head = le.AppendUint16(head, uint16(channels))
	head = le.AppendUint32(head, uint32(rate))
	head = le.AppendUint32(head, uint32(rate*channels*bits/8))
	head = le.AppendUint16(head, uint16(channels*bits/8))
	head = le.AppendUint16(head, uint16(bits))
	if extensible {
		head = append(head, 22, 0, byte(bits), 0, 0, 0, 0, 0, byte(tag), 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71)
	}
	out := append([]byte("RIFF\xff\xff\xff\xffWAVEfmt "), le.AppendUint32(nil, uint32(len(head)))...)
	out = append(append(out, head...), before...)
	out = append(out, "data"...)
	return append(le.AppendUint32(out, uint32(len(data))), data...)
}

func TestReadWAV(t *testing.T) {
	pcm := []byte{0, 0x40, 0, 0xc0, 0, 0x20, 0, 0x20} // 0.5 −0.5 0.25 0.25
	laws := []byte{media.EncodeALaw(8192), media.EncodeALaw(-8192)}
	mu := []byte{media.EncodeMuLaw(8192), media.EncodeMuLaw(-8192)}
	unfinished := wav(tagPCM, 1, 22050, 16, false, pcm)
	binary.LittleEndian.PutUint32(unfinished[40:], 0x7ffff000)
	for what, c := range map[string]struct {
		file []byte
		want []float64
	}{
		"mono":             {wav(tagPCM, 1, 8000, 16, false, pcm), []float64{0.5, -0.5, 0.25, 0.25}},
		"stereo":           {wav(tagPCM, 2, 48000, 16, false, pcm), []float64{0, 0.25}},
		"extensible":       {wav(tagPCM, 1, 44100, 16, true, pcm), []float64{0.5, -0.5, 0.25, 0.25}},
		"A-law":            {wav(tagALaw, 1, 8000, 8, false, laws), []float64{0.25, -0.25}},
		"mu-law":           {wav(tagMuLaw, 1, 8000, 8, false, mu), []float64{0.25, -0.25}},
		"a chunk between":  {wav(tagPCM, 1, 8000, 16, false, pcm, []byte("LIST\x03\x00\x00\x00abc\x00")...), []float64{0.5, -0.5, 0.25, 0.25}},
		"size left open":   {unfinished, []float64{0.5, -0.5, 0.25, 0.25}},
		"half a sample":    {wav(tagPCM, 1, 8000, 16, false, pcm[:3]), []float64{0.5}},
		"8 bits":           {wav(tagPCM, 1, 8000, 8, false, []byte{192, 64}), []float64{0.5, -0.5}},
		"24 bits":          {wav(tagPCM, 1, 96000, 24, false, []byte{0, 0, 0x40, 0, 0, 0xc0}), []float64{0.5, -0.5}},
		"32 bits":          {wav(tagPCM, 1, 8000, 32, false, []byte{0, 0, 0, 0x40, 0, 0, 0, 0xc0}), []float64{0.5, -0.5}},
		"floats":           {wav(tagFloat, 1, 8000, 32, false, []byte{0, 0, 0, 0x3f, 0, 0, 0, 0xbf}), []float64{0.5, -0.5}},
		"no numbers":       {wav(tagFloat, 1, 8000, 32, false, []byte{0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0x7f}), []float64{0, 0}},
		"our own":          {WriteWAV(16000, []int16{16384, -16384}), []float64{0.5, -0.5}},
		"data is cut away": {wav(tagPCM, 1, 8000, 16, false, pcm)[:46], []float64{0.5}},
	} {
		got, err := ReadWAV(c.file)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if len(got.Samples) != len(c.want) {
			t.Errorf("%s: %v", what, got.Samples)
			continue
		}
		for i, v := range got.Samples {
			near(t, what, v, c.want[i], 0.01)
		}
	}
	for what, c := range map[string]struct {
		file []byte
		told string
	}{
		"empty":       {nil, "no WAV"},
		"an MP3":      {[]byte("ID3\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "no WAV"},
		"12 bits":     {wav(tagPCM, 1, 8000, 12, false, pcm), "12 bits"},
		"ADPCM":       {wav(2, 1, 8000, 4, false, pcm), "coding 2"},
		"5.1":         {wav(tagPCM, 6, 48000, 16, false, pcm), "6 channels"},
		"an odd rate": {wav(tagPCM, 1, 44101, 16, false, pcm), "44101 Hz"},
		"192 kHz":     {wav(tagPCM, 1, 192000, 16, false, pcm), "192000 Hz"},
		"no samples":  {wav(tagPCM, 1, 8000, 16, false, nil), "no samples"},
		"no data":     {wav(tagPCM, 1, 8000, 16, false, pcm)[:36], "no data"},
		"cut early":   {wav(tagPCM, 1, 8000, 16, false, pcm)[:30], "ends inside"},
		"data first":  {[]byte("RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00ab"), "before its format"},
		"short fmt":   {[]byte("RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00ab"), "broken format"},
	} {
		if _, err := ReadWAV(c.file); err == nil || !strings.Contains(err.Error(), c.told) {
			t.Errorf("%s: %v, want %q", what, err, c.told)
		}
	}
}

// FuzzReadWAV: whatever the bytes, what is read has a rate we know and samples within full scale,
// never more than there are bytes; and written again, it reads the same.
func FuzzReadWAV(f *testing.F) {
	f.Add(wav(tagPCM, 2, 48000, 16, true, []byte{1, 2, 3, 4, 5, 6, 7, 8}))
	f.Add(wav(tagALaw, 1, 8000, 8, false, []byte{1, 2, 3}, []byte("LIST\x01\x00\x00\x00a\x00")...))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadWAV(data)
		if err != nil {
			return
		}
		if s.Rate < lowestRate || s.Rate > highestRate || len(s.Samples) == 0 || len(s.Samples) > len(data) || Peak(s.Samples) > 0 {
			t.Fatalf("%d samples at %d Hz out of %d bytes", len(s.Samples), s.Rate, len(data))
		}
		again, err := ReadWAV(WriteWAV(s.Rate, s.PCM()))
		if err != nil || !slices.Equal(again.PCM(), s.PCM()) {
			t.Fatalf("written again it differs: %v", err)
		}
	})
}
