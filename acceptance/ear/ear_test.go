package ear

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// exact is how near a clip's times must be.
const exact = 20 * time.Millisecond

// paths are the ways that sound may have gone.
var paths = map[string][]Law{
	"A-law":             {ALaw},
	"µ-law":             {MuLaw},
	"A-law, then µ-law": {ALaw, MuLaw},
	"there and back":    {ALaw, MuLaw, ALaw, MuLaw},
}

// Every original, in any order, one directly after the other: no other is heard, and none twice.
func TestEveryClipIsHeardAsItself(t *testing.T) {
	for name, laws := range paths {
		t.Run(name, func(t *testing.T) {
			p := newTape(t, seed())
			for _, i := range p.dice.Perm(len(p.ear.originals)) {
				p.play(p.ear.originals[i])
			}
			p.coded(laws...)
			for _, h := range p.check(t, exact) {
				if h.Score < 0.98 {
					t.Errorf("%s was played whole", h)
				}
			}
		})
	}
}

// journey adds what a call may sound like: n clips with silence, music, tones and speech between.
func (p *tape) journey(n int) {
	for len(p.want) < n {
		switch p.dice.IntN(8) {
		case 0:
			p.silence(time.Duration(p.dice.IntN(3000)) * time.Millisecond)
		case 1:
			p.tone([]float64{440, 600, 1000, 1850}[p.dice.IntN(4)], time.Second)
		case 2:
			p.speech()
		case 3:
			o := p.random(func(o *original) bool { return len(o.pcm) < rate }) // a word said more than once
			for range 2 + p.dice.IntN(2) {
				p.play(o)
			}
		default:
			p.play(p.random(func(o *original) bool { return len(o.pcm) < 20*rate }))
		}
	}
}

// Calls with a hundredth of the packets lost: all is heard, to 20 ms, and nothing else.
func TestCallsWithLostPackets(t *testing.T) {
	for name, laws := range paths {
		for _, lost := range []float64{0, 0.01, 0.02} {
			t.Run(fmt.Sprintf("%s, %g lost", name, lost), func(t *testing.T) {
				p := newTape(t, seed())
				p.journey(200)
				p.coded(laws...)
				p.lose(lost)
				p.check(t, exact)
			})
		}
	}
}

// Clips of one set begin alike: the whole of each must tell them apart.
func TestClipsThatBeginAlike(t *testing.T) {
	p := newTape(t, seed())
	for range 3 {
		for _, i := range p.dice.Perm(len(p.ear.originals)) {
			if o := p.ear.originals[i]; len(p.twins(o)) > 0 {
				p.play(o)
			}
		}
	}
	t.Logf("%d clips that have twins", len(p.want)/3)
	p.coded(MuLaw)
	p.lose(0.01)
	p.check(t, exact)
}

// twins are the originals that begin as o does.
func (p *tape) twins(o *original) (twins []*original) {
	for _, other := range p.ear.originals {
		if other != o && alikeUntil(o, other) > o.first+20 {
			twins = append(twins, other)
		}
	}
	return twins
}

// alikeUntil is the block up to which two originals are the same sound.
func alikeUntil(a, b *original) int {
	n := 0
	for n < min(len(a.loud), len(b.loud)) {
		if _, ok := a.difference(b.pcm, 0, n); !ok {
			break
		}
		n++
	}
	return n
}

var _ = slices.Sort[[]int]
