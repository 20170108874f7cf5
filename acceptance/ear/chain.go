package ear

import (
	"cmp"
	"slices"
)

const (
	// slip is how far the parts of one clip may have moved against each other, in samples: 300 ms,
	// what a jitter buffer adds or drops. It is less than the shortest clip lasts, so that a word
	// said twice stays two.
	slip = 3 * rate / 10
	// pause is how long a gap between the parts may be: half a second.
	pause = rate / 2
	// claimed is how many blocks two runs may both have.
	claimed = 16
	// gapCost and slipCost are what the part after a gap, and after a slip, must bring, in blocks, to
	// be believed. Quiet sounds are alike by chance for up to 80 ms.
	gapCost, slipCost = 2, 8
)

// A candidate says that an original was heard: its runs, one after the other.
type candidate struct {
	*original
	runs   []*run
	alike  int
	weight float64
	left   int64
	energy int64
}

func (c *candidate) from() int  { return c.runs[0].from } // blocks of the original
func (c *candidate) to() int    { return c.runs[len(c.runs)-1].to }
func (c *candidate) start() int { return c.runs[0].start() } // samples of the recording
func (c *candidate) end() int   { return c.runs[len(c.runs)-1].end() }

// noise is the share of the original's energy that the difference has.
func (c *candidate) noise() float64 { return float64(c.left) / float64(c.energy) }

// candidates joins the runs of each original to the best chain that ends in each run. They are in the
// order in which they start.
func (e *Ear) candidates(runs []*run) []*candidate {
	slices.SortFunc(runs, func(a, b *run) int {
		return cmp.Or(cmp.Compare(a.original, b.original), cmp.Compare(a.start(), b.start()), cmp.Compare(a.shift, b.shift))
	})
	best := make([]*candidate, len(runs))
	for i, r := range runs {
		c := &candidate{original: e.originals[r.original]}
		for k := i - 1; k >= 0; k-- {
			before := runs[k]
			if before.original != r.original {
				break
			}
			both, ok := follows(before, r)
			cost := float64(both + gapCost)
			if before.shift != r.shift {
				cost = float64(both + slipCost)
			}
			if weight := best[k].weight - cost; ok && weight > c.weight {
				*c = *best[k]
				c.weight = weight
				c.alike -= both
			}
		}
		c.runs = append(slices.Clip(c.runs), r)
		c.alike += r.alike
		c.weight += r.weight
		c.left += r.left
		c.energy += r.energy
		best[i] = c
	}
	slices.SortStableFunc(best, func(a, b *candidate) int { return cmp.Compare(a.start(), b.start()) })
	return best
}

// follows reports whether b may be the same clip going on after a, and how many blocks both claim:
// where a voice is steady it is still alike for a while after it has slipped.
func follows(a, b *run) (both int, ok bool) {
	gap, moved := b.start()-a.end(), b.shift-a.shift
	both = max(0, a.to-b.from, (-gap+block-1)/block)
	return both, a.from < b.from && a.to < b.to && both <= claimed && gap <= pause && -slip <= moved && moved <= slip
}
