package ear

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Any cut of the time code says, to the sample, where it was cut: after G.711, and with silence behind
// it. Another sound does not.
func TestTimeCode(t *testing.T) {
	if n := len(codePlace); n != codeTones*codeTones*codeTones-2 {
		t.Fatalf("%d words of three tones stand in the code", n)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	code := ALaw.decode(aLawOf(TimeCode()))
	for range 20 {
		cut := codeLook + 200 + dice.IntN(len(code)-codeLook-200)
		from := dice.IntN(cut - codeLook)
		pcm := append(append([]int16(nil), code[from:cut]...), make([]int16, dice.IntN(4000))...)
		last, ok := LastOfCode(pcm)
		if off := cut - 1 - last; !ok || off < 0 || off > 3 { // the last samples may be too quiet
			t.Errorf("cut at sample %d of the code, it is read as %d, %v", cut-1, last, ok)
		}
	}
	noise := make([]int16, 2*rate)
	for i := range noise {
		noise[i] = int16(dice.IntN(20000) - 10000)
	}
	for name, pcm := range map[string][]int16{"noise": noise, "silence": make([]int16, rate), "nothing": nil, "too short": code[:codeLook-100]} {
		if at, ok := LastOfCode(pcm); ok {
			t.Errorf("in %s is sample %d of the code", name, at)
		}
	}
}

// aLawOf codes sound by looking for the nearest value that decodes.
func aLawOf(pcm []int16) []byte {
	coded, nearest := make([]byte, len(pcm)), map[int16]byte{}
	for i, s := range pcm {
		if _, known := nearest[s]; !known {
			best := 1 << 30
			for b, d := range alawPCM {
				if off := int(d) - int(s); off*off < best {
					best, nearest[s] = off*off, byte(b)
				}
			}
		}
		coded[i] = nearest[s]
	}
	return coded
}
