package ear

import (
	"testing"
	"time"
)

// Every original, one directly after the other.
func TestEveryClipIsHeard(t *testing.T) {
	start := time.Now()
	p := newTape(t, seed())
	t.Log("load", time.Since(start), len(p.ear.originals), len(p.ear.index.postings))
	for _, i := range p.dice.Perm(len(p.ear.originals)) {
		p.play(p.ear.originals[i])
	}
	p.coded(ALaw)
	start = time.Now()
	p.check(t, 20*time.Millisecond)
	t.Log("hear", duration(len(p.pcm)), time.Since(start))
}
