package ear

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Heard is one clip that was heard.
type Heard struct {
	Key      string
	Language string   // empty for music and tones
	Keys     []string // every key of that language that the sound may be of, Key first; mostly one
	Names    []Name   // the same over all languages

	// From and To are where the clip lies in the recording, silence at its ends included. A clip that
	// was cut short ends with the last sound of it, one without its beginning starts with the first.
	From, To time.Duration

	Cut     bool          // its end was not heard; what lacks less than 80 ms of sound is not cut
	Skipped time.Duration // how much of its beginning was not heard; 0 mostly
	Part    float64       // how much of its time was heard, 0 to 1; 1 for a whole clip
	Score   float64       // how much of the sound that should be there is, 0 to 1; lost packets count
}

// Is reports whether the sound may be this original: LANGUAGE/KEY, or KEY of what has no language.
func (h Heard) Is(name string) bool {
	return slices.ContainsFunc(h.Names, func(n Name) bool { return n.String() == name })
}

// Whole reports whether it was heard from beginning to end.
func (h Heard) Whole() bool { return !h.Cut && h.Skipped == 0 }

// String is one line for people: when, which, and what is missing.
func (h Heard) String() string {
	var names []string
	for _, n := range h.Names {
		names = append(names, n.String())
	}
	s := fmt.Sprintf("%7.2fs-%.2fs %s", h.From.Seconds(), h.To.Seconds(), strings.Join(names, " = "))
	if h.Skipped > 0 {
		s += fmt.Sprintf(", without its first %.2fs", h.Skipped.Seconds())
	}
	if h.Cut {
		s += ", cut short"
	}
	if !h.Whole() {
		s += fmt.Sprintf(", %.0f %% of it", 100*h.Part)
	}
	if h.Score < 0.995 {
		s += fmt.Sprintf(", score %.2f", h.Score)
	}
	return s
}

// Hear finds the clips in a recording of 8 kHz, in the order of time. What is between them (speech,
// tones, noise, silence) is passed over. Music that goes round is heard once for each round.
func (e *Ear) Hear(pcm []int16) []Heard {
	s := e.listen(pcm)
	var all, chosen []*candidate
	for before := -1; before < len(s.runs); { // until there are no more
		before = len(s.runs)
		all = slices.DeleteFunc(e.candidates(s.runs), func(c *candidate) bool { return !c.alone(pcm) })
		chosen = decide(all)
		for _, c := range chosen {
			for _, p := range c.peers(all) {
				s.slipped(p)
			}
		}
	}
	chosen = slices.DeleteFunc(chosen, func(c *candidate) bool { return !c.believed() })
	heard := make([]Heard, 0, len(chosen))
	for i, c := range chosen {
		peers := c.peers(all)
		limit := len(pcm)
		if i+1 < len(chosen) && chosen[i+1].began() {
			limit = chosen[i+1].runs[0].shift
		}
		heard = append(heard, peers[0].heard(peers, limit))
	}
	return heard
}

// heard tells of a candidate and those that have the same sound. limit is where in the recording the
// next clip begins: what should have come there was not lost but never said.
func (c *candidate) heard(peers []*candidate, limit int) Heard {
	h := Heard{}
	for _, p := range peers {
		h.Names = append(h.Names, p.names...)
	}
	h.Key, h.Language = h.Names[0].Key, h.Names[0].Language
	for _, n := range h.Names {
		if n.Language == h.Language && !slices.Contains(h.Keys, n.Key) {
			h.Keys = append(h.Keys, n.Key)
		}
	}
	from, to := 0, len(c.pcm) // in the original
	wantFrom, wantTo := c.first, c.last+1
	first, last := c.runs[0].shift, c.runs[len(c.runs)-1].shift
	if !c.began() {
		from, wantFrom = c.from()*block, c.from()
		h.Skipped = duration(from)
	}
	if !c.ended() || c.lacks() && last+len(c.pcm) > limit+edge*block/2 {
		to, wantTo = c.to()*block, c.to()
		h.Cut = true
	}
	h.From, h.To = duration(max(0, first+from)), duration(min(max(limit, c.end()), last+to))
	h.Part = float64(to-from) / float64(len(c.pcm))
	h.Score = (1 - c.noise()) * min(1, float64(c.alike)/float64(c.loudBetween(wantFrom, wantTo)))
	return h
}

func duration(samples int) time.Duration { return time.Duration(samples) * time.Second / rate }
