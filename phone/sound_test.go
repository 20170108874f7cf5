package phone

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestG711(t *testing.T) {
	// The end points of the recommendation's tables: the largest values and the smallest steps.
	for _, c := range []struct {
		pt   int
		b    byte
		want int16
	}{{ptPCMU, 0x00, -32124}, {ptPCMU, 0x80, 32124}, {ptPCMU, 0xFF, 0}, {ptPCMU, 0x7F, 0},
		{ptPCMA, 0xAA, 32256}, {ptPCMA, 0x2A, -32256}, {ptPCMA, 0xD5, 8}, {ptPCMA, 0x55, -8}} {
		if got := decode([]byte{c.b}, c.pt)[0]; got != c.want {
			t.Errorf("%s %#02x is %d, want %d", codecName(c.pt), c.b, got, c.want)
		}
	}
	for _, pt := range []int{ptPCMA, ptPCMU} {
		for b := range 256 {
			if pt == ptPCMU && b == 0x7F {
				continue // minus zero: coded as plus zero
			}
			pcm := decode([]byte{byte(b)}, pt)
			if again := encode(nil, pcm, pt); again[0] != byte(b) {
				t.Errorf("%s %#02x became %#02x", codecName(pt), b, again[0])
			}
		}
		for v := math.MinInt16; v <= math.MaxInt16; v++ {
			got := decode(encode(nil, []int16{int16(v)}, pt), pt)[0]
			if off := math.Abs(float64(got) - float64(v)); off > max(16, math.Abs(float64(v))/25) && v > -32200 && v < 32200 {
				t.Fatalf("%s: %d became %d", codecName(pt), v, got)
			}
		}
	}
}

func TestToneIsMeasured(t *testing.T) {
	s := make(Sound, 1600)
	newTones(0.5, []float64{440, 1000}).fill(s)
	if a, b, c := s.Tone(440), s.Tone(1000), s.Tone(700); math.Abs(a-0.25) > 0.005 || math.Abs(b-0.25) > 0.005 || c > 0.001 {
		t.Errorf("440 Hz %.3f, 1000 Hz %.3f, 700 Hz %.4f", a, b, c)
	}
	if s.Has(700) || math.Abs(s.Share(440)-0.5) > 0.05 {
		t.Errorf("share of 440 Hz %.2f", s.Share(440))
	}
	if (Sound{}).Has(440) || (Sound{}).RMS() != 0 {
		t.Error("nothing sounds like something")
	}
}

// speech is noise in changing colours: as much like a clip as a test needs.
func speech(seed uint64, seconds float64) []int16 {
	r := rand.New(rand.NewPCG(seed, 7))
	var pcm []int16
	for len(pcm) < int(seconds*clockHz) {
		part := make([]int16, 800+r.IntN(800))
		newTones(0.5, []float64{200 + 600*r.Float64(), 900 + 900*r.Float64(), 2000 + 1200*r.Float64()}).fill(part)
		pcm = append(pcm, part...)
	}
	return pcm
}

func TestFindClip(t *testing.T) {
	notice, other := speech(1, 3), speech(2, 3)
	heard := append(speech(3, 2), notice...)
	heard = append(heard, speech(4, 1)...)
	heard = decode(encode(nil, heard, ptPCMU), ptPCMU)
	start := len(speech(3, 2))
	if at, score := Sound(heard).Find(notice); score < 0.9 || math.Abs(float64(at-start)) > printStep {
		t.Errorf("the clip was found at %d with %.3f, it is at %d", at, score, start)
	}
	if _, score := Sound(heard).Find(other); score > 0.75 {
		t.Errorf("a clip that was not played was found with %.3f", score)
	}
	if _, score := Sound(notice[:8000]).Find(notice); score != 0 {
		t.Errorf("a whole clip was found in a third of it with %.3f", score)
	}
}
