package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hotline/call"
)

var bothLaws = []call.Codec{call.PCMA, call.PCMU}

// A dialled is one press in the sound, as a telephone makes it.
type dialled struct {
	digit        byte
	on, off      int     // samples of the press and of the pause behind it
	level        float64 // of the weaker tone, in dBm0
	twist        float64 // by how many dB the row is louder than the column
	rowOff, cOff float64 // how far the frequencies are off, in percent
	hurt         int     // samples in the middle of the press that are silence
}

// usual is a press as most telephones make it.
func usual(digit byte) dialled {
	return dialled{digit: digit, on: 800, off: 800, level: -12}
}

// dial makes the sound of presses, behind lead samples of silence. noise is how many dB white noise
// lies below the two tones of the first press, through everything; 0 is none.
func dial(rnd *rand.Rand, lead int, noise float64, presses ...dialled) []int16 {
	pcm := make([]float64, lead)
	var power float64
	for i, p := range presses {
		at := strings.IndexByte(toneKeys, p.digit)
		row := amplitude(p.level + max(0, p.twist))
		column := amplitude(p.level + max(0, -p.twist))
		if i == 0 {
			power = (row*row + column*column) / 2
		}
		wr := 2 * math.Pi * toneHz[at/4] * (1 + p.rowOff/100) / 8000
		wc := 2 * math.Pi * toneHz[4+at%4] * (1 + p.cOff/100) / 8000
		a, b := rnd.Float64()*6, rnd.Float64()*6
		for n := range p.on {
			v := row*math.Sin(a+wr*float64(n)) + column*math.Sin(b+wc*float64(n))
			if from := (p.on - p.hurt) / 2; n >= from && n < from+p.hurt {
				v = 0
			}
			pcm = append(pcm, v)
		}
		pcm = append(pcm, make([]float64, p.off)...)
	}
	sigma := 0.0
	if noise != 0 {
		sigma = math.Sqrt(power * math.Pow(10, -noise/10))
	}
	out := make([]int16, len(pcm))
	for i, v := range pcm {
		out[i] = int16(max(-32768, min(32767, v+sigma*rnd.NormFloat64())))
	}
	return out
}

// amplitude is the peak of a sine of so many dBm0 in 16 bits (ITU-T G.711 §4: 3.14 is full scale).
func amplitude(dBm0 float64) float64 { return 32768 * math.Pow(10, (dBm0-3.14)/20) }

// found is the keys that a detector finds, which is given the samples a few at a time.
func found(pcm []int16, codec call.Codec, frame int) string {
	var d toneDetector
	table := &law.fromMu
	if codec == call.PCMA {
		table = &law.fromA
	}
	coded := make([]byte, len(pcm))
	Encode(coded, pcm, codec)
	var keys []byte
	for part := range slices.Chunk(coded, frame) {
		for len(part) > 0 {
			var key byte
			if key, part = d.take(part, table); key != 0 {
				keys = append(keys, key)
			}
		}
	}
	return string(keys)
}

// One Key for each press within the limits, none for what is outside, whichever sample of a block it begins at.
func TestTonesWithinTheLimits(t *testing.T) {
	for _, c := range []struct {
		name  string
		noise float64
		press func(digit byte) []dialled
		want  int // times that the digit is found
	}{
		{"as telephones do it", 0, func(d byte) []dialled { return []dialled{usual(d)} }, 1},
		{"the shortest that counts", 0, with(func(p *dialled) { p.on = 320 }), 1},
		{"too short to count", 0, with(func(p *dialled) { p.on = 184 }), 0},
		{"much too short", 0, with(func(p *dialled) { p.on = 120 }), 0},
		{"held for three seconds", 0, with(func(p *dialled) { p.on = 24000 }), 1},
		{"as loud as may be", 0, with(func(p *dialled) { p.level = 0 }), 1},
		{"as quiet as may be", 0, with(func(p *dialled) { p.level = -27 }), 1},
		{"too quiet to be meant for us", 0, with(func(p *dialled) { p.level = -37 }), 0},
		{"low louder by 8 dB", 0, with(func(p *dialled) { p.twist = 8 }), 1},
		{"high louder by 4 dB", 0, with(func(p *dialled) { p.twist = -4 }), 1},
		{"low louder by 14 dB", 0, with(func(p *dialled) { p.twist = 14 }), 0},
		{"high louder by 10 dB", 0, with(func(p *dialled) { p.twist = -10 }), 0},
		{"both 1.5 % sharp", 0, with(func(p *dialled) { p.rowOff, p.cOff = 1.5, 1.5 }), 1},
		{"both 1.5 % flat", 0, with(func(p *dialled) { p.rowOff, p.cOff = -1.5, -1.5 }), 1},
		{"drifted apart, quiet, twisted, noisy, 50 ms", 15, with(func(p *dialled) {
			p.rowOff, p.cOff, p.level, p.twist, p.on = 1.5, -1.5, -27, 8, 400
		}), 1},
		{"drifted together, quiet, twisted the other way, noisy, 50 ms", 15, with(func(p *dialled) {
			p.rowOff, p.cOff, p.level, p.twist, p.on = -1.5, 1.5, -27, -4, 400
		}), 1},
		{"row 3.5 % sharp", 0, with(func(p *dialled) { p.rowOff = 3.5 }), 0},
		{"row 3.5 % flat", 0, with(func(p *dialled) { p.rowOff = -3.5 }), 0},
		{"column 3.5 % sharp", 0, with(func(p *dialled) { p.cOff = 3.5 }), 0},
		{"column 3.5 % flat", 0, with(func(p *dialled) { p.cOff = -3.5 }), 0},
		{"noise of -15 dB", 15, func(d byte) []dialled { return []dialled{usual(d)} }, 1},
		{"a break of 20 ms", 0, with(func(p *dialled) { p.on, p.hurt = 1600, 160 }), 1},
		{"many short breaks and noise", 18, with(func(p *dialled) { p.on, p.hurt = 1200, 80 }), 1},
		{"twice with a pause of 40 ms", 0, twice(320, 320), 2},
		{"twice as fast as may be in noise", 15, twice(320, 320), 2},
		{"twice with the pause of a person", 0, twice(800, 1200), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(1, 2))
			for _, codec := range bothLaws {
				for _, digit := range []byte(toneKeys) {
					for lead := 400; lead < 480; lead += 17 {
						pcm := dial(rnd, lead, c.noise, c.press(digit)...)
						want := strings.Repeat(string(digit), c.want)
						if got := found(pcm, codec, 160); got != want {
							t.Fatalf("%v, key %c, %d samples into a block: found %q, want %q", codec, digit, lead-400, got, want)
						}
					}
				}
			}
		})
	}
}

func with(change func(*dialled)) func(byte) []dialled {
	return func(d byte) []dialled {
		p := usual(d)
		change(&p)
		return []dialled{p}
	}
}

func twice(on, off int) func(byte) []dialled {
	return func(d byte) []dialled {
		p := usual(d)
		p.on, p.off = on, off
		return []dialled{p, p}
	}
}

// Whatever is between the frequencies of the keys is no key: 3.5 % off and farther, up to the next key's 3.5 %.
func TestTonesBetweenTheKeys(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	near := func(hz float64) bool {
		return slices.ContainsFunc(toneHz[:], func(f float64) bool { return math.Abs(hz/f-1) < 0.0345 })
	}
	for hz := 500.0; hz < 3500; hz += 11 {
		if near(hz) {
			continue
		}
		for twist := -4.0; twist <= 8; twist += 4 {
			for _, other := range toneHz {
				p := usual('1')
				p.twist = twist
				low, high := min(hz, other), max(hz, other)
				p.rowOff, p.cOff = (low/697-1)*100, (high/1209-1)*100
				if got := found(dial(rnd, 37, 0, p), call.PCMA, 160); got != "" {
					t.Errorf("%.0f Hz with %.0f Hz, twist %.0f dB: found %q", hz, other, twist, got)
				}
			}
		}
	}
}

// Different keys need no pause, and a string is found in its order, however it is cut into packets.
func TestTonesOfAWholeNumber(t *testing.T) {
	const number = "0123456789*#ABCD" + "1122*##00"
	rnd := rand.New(rand.NewPCG(5, 6))
	var presses []dialled
	for i := range len(number) {
		p := usual(number[i])
		p.on, p.off = 400, 400
		if i+1 < len(number) && number[i] != number[i+1] && i%2 == 0 {
			p.off = 0
		}
		presses = append(presses, p)
	}
	for _, frame := range []int{80, 160, 240, 320, 480, 1, 33} {
		for _, codec := range bothLaws {
			if got := found(dial(rnd, 11, 20, presses...), codec, frame); got != number {
				t.Errorf("in packets of %d samples: found %q, want %q", frame, got, number)
			}
		}
	}
}

// A judge that is not ours: testdata/sox-keys.wav was made by sox 14.4.2, 80 ms and a pause of 60 ms for
// each key, in A-law: "sox -n -r 8000 -c 1 00.wav synth 0.08 sine 941 sine 1336 remix 1,2 gain -9 pad 0 0.06"
// and so on, then "sox *.wav -e a-law sox-keys.wav". multimon-ng 1.2 finds the same in it.
func TestTonesOfSox(t *testing.T) {
	pcm, err := readWave("testdata/sox-keys.wav")
	if err != nil {
		t.Fatal(err)
	}
	for _, codec := range bothLaws {
		if got := found(pcm, codec, 160); got != digits {
			t.Errorf("found %q, want %q", got, digits)
		}
	}
}

// A tone by itself, noise, silence and what a fax sends are no keys.
func TestTonesOfOtherThings(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	sines := func(seconds int, hz ...float64) []int16 {
		pcm := make([]int16, seconds*8000)
		for i := range pcm {
			for _, f := range hz {
				pcm[i] += int16(16000 / float64(len(hz)) * math.Sin(2*math.Pi*f*float64(i)/8000))
			}
		}
		return pcm
	}
	noise := make([]int16, 60*8000)
	for i := range noise {
		noise[i] = int16(3000 * rnd.NormFloat64())
	}
	chime := sines(1, 770, 1336)
	for i := range chime {
		chime[i] = int16(float64(chime[i]) * math.Exp(-float64(i%1600)/100)) // 7 dB in 10 ms, struck five times
	}
	chord := sines(3, 697, 697, 1209, 1477)
	for name, pcm := range map[string][]int16{
		"a row with two columns": chord, "silence": make([]int16, 8000), "noise": noise,
		"dial tone": sines(3, 425), "North American dial tone": sines(3, 350, 440), "ringing": sines(3, 440, 480), "busy": sines(3, 480, 620),
		"a row's tone": sines(3, 697), "a column's tone": sines(3, 1336), "two rows": sines(3, 697, 852), "two columns": sines(3, 1209, 1477),
		"fax calling": sines(3, 1100), "fax answering": sines(3, 2100), "a pair with its harmonics": sines(3, 770, 1336, 1540, 2672),
		"a chime that dies away": chime, "three tones": sines(3, 697, 1209, 1477), "mobile line tones": sines(3, 950, 1400),
	} {
		for _, codec := range bothLaws {
			if got := found(pcm, codec, 160); got != "" {
				t.Errorf("%s: found %q", name, got)
			}
		}
	}
}

// Nothing that we say ourselves sounds like a key: no clip of any language, no music, at several
// levels, as it is and played faster and slower, which makes other voices of it.
func TestTonesOfSpeech(t *testing.T) {
	files, err := filepath.Glob("../prompts/clips/*/*.wav")
	if err != nil || len(files) < 500 {
		t.Fatalf("%d clips: %v", len(files), err)
	}
	files = append(files, "../prompts/clips/music.wav", "../prompts/clips/tone.ok.wav", "../prompts/clips/tone.error.wav")
	speeds := []float64{1, 0.8, 1.25}
	if testing.Short() {
		speeds = speeds[:1]
	}
	var seconds float64
	for _, file := range files {
		pcm, err := readWave(file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i, speed := range speeds {
			said := atSpeed(pcm, speed)
			seconds += float64(len(said)) / 8000
			if got := found(said, bothLaws[i%2], 160); got != "" {
				t.Errorf("%s at speed %.2f: found %q", file, speed, got)
			}
		}
	}
	t.Logf("%d files, %.0f s of sound", len(files), seconds)
}

// atSpeed plays samples faster or slower, as a tape does.
func atSpeed(pcm []int16, speed float64) []int16 {
	if speed == 1 {
		return pcm
	}
	out := make([]int16, int(float64(len(pcm)-1)/speed))
	for i := range out {
		whole, part := math.Modf(float64(i) * speed)
		a, b := float64(pcm[int(whole)]), float64(pcm[int(whole)+1])
		out[i] = int16(a + (b-a)*part)
	}
	return out
}

// readWave reads a mono file at 8 kHz: 16 bits or G.711.
func readWave(file string) ([]int16, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, errors.New("no WAVE file")
	}
	tag := 0
	for b = b[12:]; len(b) >= 8; {
		name, n := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:]))
		body := b[8:min(8+n, len(b))]
		switch {
		case name == "fmt " && (len(body) < 16 || body[2] != 1 || binary.LittleEndian.Uint32(body[4:]) != 8000):
			return nil, errors.New("not mono at 8 kHz")
		case name == "fmt ":
			tag = int(binary.LittleEndian.Uint16(body))
		case name == "data" && tag == 1:
			pcm := make([]int16, len(body)/2)
			for i := range pcm {
				pcm[i] = int16(binary.LittleEndian.Uint16(body[2*i:]))
			}
			return pcm, nil
		case name == "data" && (tag == 6 || tag == 7):
			pcm := make([]int16, len(body))
			Decode(pcm, body, map[int]call.Codec{6: call.PCMA, 7: call.PCMU}[tag])
			return pcm, nil
		}
		b = b[min(8+n+n%2, len(b)):]
	}
	return nil, fmt.Errorf("no samples in format %d", tag)
}
