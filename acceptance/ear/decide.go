package ear

import (
	"cmp"
	"slices"
	"sort"
)

const (
	// edge is how many loud blocks a whole clip may lack at its beginning and its end: 80 ms, so three
	// lost packets are not a key pressed.
	edge = 8
	// overlap is how many samples two clips may claim both.
	overlap = 2 * block
	// cost and brokenCost are what a clip, and one without its end or beginning, must explain more
	// than others do, in blocks, to be believed.
	cost, brokenCost = 3, 2
)

// began and ended report whether the clip was heard from its first sound, and to its last.
func (c *candidate) began() bool { return c.loudBetween(c.first, c.from()) <= edge }
func (c *candidate) ended() bool { return c.loudBetween(c.to(), c.last+1) <= edge }
func (c *candidate) whole() bool { return c.began() && c.ended() }

// loudBetween is how many blocks from one to before another are loud.
func (o *original) loudBetween(from, to int) (n int) {
	for _, l := range o.loud[from:max(from, to)] {
		if l {
			n++
		}
	}
	return n
}

// alone reports whether the silence at the ends of a short clip is there too, some of it. A beep would
// be found anywhere in a longer tone of the same pitch; a second of speech is not found by chance.
func (c *candidate) alone(pcm []int16) bool {
	if c.alike >= rate/block {
		return true
	}
	head, tail := c.runs[0].shift, c.runs[len(c.runs)-1].shift
	return (!c.began() || anyQuiet(pcm, head, head+c.first*block)) &&
		(!c.ended() || anyQuiet(pcm, c.end(), tail+len(c.loud)*block))
}

// anyQuiet reports whether any block of a stretch is quiet, or there is none.
func anyQuiet(pcm []int16, from, to int) bool {
	if from < 0 || to > len(pcm) || to-from < block {
		return true
	}
	for ; from+block <= to; from += block {
		sum := int64(0)
		for _, v := range pcm[from : from+block] {
			sum += int64(v) * int64(v)
		}
		if sum < 4*block*quiet*quiet {
			return true
		}
	}
	return false
}

// believed reports whether enough was heard to say so: most of what lies between the first and the
// last sound that is alike and, of a clip that was cut short, half a second or a fifth, of one whose
// beginning is missing half a second of sound.
func (c *candidate) believed() bool {
	from, to := c.from(), c.to()
	if c.began() {
		from = c.first
	}
	if c.ended() {
		to = c.last + 1
	}
	if 10*c.alike < 6*c.loudBetween(from, to) {
		return false
	}
	const half = rate / 2 / block
	switch {
	case c.whole():
		return c.alike >= 8 || c.alike == c.louds
	case !c.began():
		return c.alike >= half || c.start() < block && c.alike >= half/2 // it was going on already
	}
	return c.alike >= 12 && (to >= half || 5*to >= len(c.loud))
}

func (c *candidate) worth() float64 {
	if c.whole() {
		return c.weight - cost
	}
	return c.weight - cost - brokenCost
}

// decide chooses the candidates that together explain most, no two at the same time: the
// well-known schedule of weighted intervals. Those that are not believed take part, or else the first
// word of a long clip would be taken for the half of a short one.
func decide(all []*candidate) []*candidate {
	all = slices.DeleteFunc(slices.Clone(all), func(c *candidate) bool { return c.worth() <= 0 })
	slices.SortStableFunc(all, func(a, b *candidate) int { return cmp.Compare(a.end(), b.end()) })
	total := make([]float64, len(all)+1) // of the first i
	taken := make([]int, len(all)+1)     // the number of candidates that go with i, -1: i is left out
	for i, c := range all {
		before := sort.Search(i, func(k int) bool { return all[k].end() > c.start()+overlap })
		total[i+1], taken[i+1] = total[i], -1
		if t := total[before] + c.worth(); t > total[i] {
			total[i+1], taken[i+1] = t, before
		}
	}
	var chosen []*candidate
	for i := len(all); i > 0; {
		if taken[i] < 0 {
			i--
			continue
		}
		chosen = append(chosen, all[i-1])
		i = taken[i]
	}
	slices.Reverse(chosen)
	return chosen
}

// peers are the candidates that explain the same stretch as c as far as sound can tell, c among
// them, the nearest to the sound first. All are in the order in which they start.
func (c *candidate) peers(all []*candidate) []*candidate {
	var same []*candidate
	first := sort.Search(len(all), func(i int) bool { return all[i].start() >= c.start()-3*block })
	for _, p := range all[first:] {
		if p.start() > c.start()+3*block {
			break
		}
		if p == c || p.original != c.original && p.rivals(c) {
			same = append(same, p)
		}
	}
	slices.SortStableFunc(same, func(a, b *candidate) int { return cmp.Compare(a.noise(), b.noise()) })
	least := same[0].noise()
	return slices.DeleteFunc(same, func(p *candidate) bool { return p.noise() > 1.5*least+1e-5 })
}

// rivals reports whether p says of the same stretch, with as much alike, that it is another clip. Where
// c has its last sound, p must too.
func (p *candidate) rivals(c *candidate) bool {
	return near(p.start(), c.start()) && near(p.end(), c.end()) && p.alike >= c.alike-1 &&
		p.began() == c.began() && (p.ended() == c.ended() || c.lacks())
}

// lacks reports whether any of the clip's last sounds is missing.
func (c *candidate) lacks() bool { return c.loudBetween(c.to(), c.last+1) > 0 }

func near(a, b int) bool { return a-b <= 3*block && b-a <= 3*block }
