package ear

const (
	// likeness is how much more energy than the difference a block must have: 20 dB. G.711 leaves -37 dB,
	// twice coded -34 dB; the same word in another clip is mostly another sound altogether.
	likeness = 100
	// steps is what G.711 adds however quiet a block is, as RMS.
	steps = 12
	// longestGap is how many loud blocks in a row a run may lack: six packets.
	longestGap = 12
	// shortestRun is how many loud blocks must be alike: 40 ms, less is chance.
	shortestRun = 4
	// worthLooking is how many must be before more of the same clip is looked for around a run.
	worthLooking = 12
)

// A run is a stretch of an original that the recording has, at one distance.
type run struct {
	original int
	shift    int     // where in the recording the original's first sample is; may be negative
	from, to int     // the first block that is alike, and the one after the last
	alike    int     // loud blocks that are
	weight   float64 // the same, each counted by how much it is
	left     int64   // energy of the differences, and of the original, in those blocks
	energy   int64
	looked   [2]bool // whether more was looked for before it and after it
}

// start and end are where the run lies in the recording, in samples.
func (r *run) start() int { return r.shift + r.from*block }
func (r *run) end() int   { return r.shift + r.to*block }

func (r *run) has(block int) bool { return r.from <= block && block < r.to }

// difference is the energy of what is left of a block of the recording when the original is taken
// away. It gives up when that is too much. Nobody writes what it reads, and the race detector would
// make it ten times as slow.
//
//go:norace
func (o *original) difference(pcm []int16, shift, b int) (left int64, ok bool) {
	from := shift + b*block
	if from < 0 || from+block > len(pcm) {
		return 0, false
	}
	limit := o.limit(b)
	x, y := pcm[from:from+block], o.pcm[b*block:(b+1)*block]
	for i := 0; i < block; i += 16 {
		for k := i; k < i+16; k++ {
			d := int64(x[k]) - int64(y[k])
			left += d * d
		}
		if left > limit {
			return left, false
		}
	}
	return left, true
}

// limit is how much difference a block may have to be alike.
func (o *original) limit(b int) int64 { return o.energy[b]/likeness + block*steps*steps }

// A search is the runs found so far in a recording.
type search struct {
	*Ear
	pcm    []int16
	known  map[place][]*run
	recent []*run // of each original, the one that was last found or met again
	runs   []*run // those that are long enough
}

// A place is where an original may stand in the recording.
type place struct{ original, shift int }

// listen finds every run in the recording. A landmark proposes a place; what is alike there is
// followed in both directions as far as it goes.
func (e *Ear) listen(pcm []int16) *search {
	s := &search{Ear: e, pcm: pcm, known: make(map[place][]*run), recent: make([]*run, len(e.originals))}
	for _, m := range marks(pcm) {
		for _, p := range e.index.find(m.shape) {
			s.try(place{int(p.original), m.at - int(p.at)}, int(p.at)/block)
		}
	}
	return s
}

// try looks whether a block of an original is alike at a place.
func (s *search) try(at place, b int) {
	o := s.originals[at.original]
	if b >= len(o.loud) || !o.loud[b] {
		return
	}
	if r := s.recent[at.original]; r != nil && r.shift == at.shift && r.has(b) {
		return
	}
	for _, r := range s.known[at] {
		if r.has(b) {
			s.recent[at.original] = r
			return
		}
	}
	if _, ok := o.difference(s.pcm, at.shift, b); !ok {
		return
	}
	r := o.follow(s.pcm, at.shift, b)
	r.original = at.original
	s.known[at], s.recent[at.original] = append(s.known[at], r), r
	if r.alike >= shortestRun {
		s.runs = append(s.runs, r)
	}
}

// slipped looks for what a candidate lacks at its ends a little earlier and later: where packets were
// left out of the recording or put into it, what is between two such places may have no landmark.
func (s *search) slipped(c *candidate) {
	for i, r := range []*run{c.runs[0], c.runs[len(c.runs)-1]} {
		step, at := 2*i-1, [...]int{r.from - 1, r.to}[i]
		if r.alike < worthLooking || r.looked[i] {
			continue
		}
		r.looked[i] = true
		for _, b := range []int{c.louder(at, step, 4), c.louder(at, step, 7)} {
			for shift := r.shift - slip; b >= 0 && shift <= r.shift+slip; shift++ {
				s.try(place{r.original, shift}, b)
			}
		}
	}
}

// louder is the nth loud block from b on in that direction, -1 if there is none. The first three may
// be what was lost, a packet.
func (o *original) louder(b, step, nth int) int {
	for n := 0; 0 <= b && b < len(o.loud); b += step {
		if o.loud[b] {
			n++
		}
		if n == nth {
			return b
		}
	}
	return -1
}

// follow extends a run from a block that is alike.
func (o *original) follow(pcm []int16, shift, seed int) *run {
	r := &run{shift: shift, from: seed, to: seed + 1}
	look := func(b int) bool {
		left, ok := o.difference(pcm, shift, b)
		if ok {
			r.alike++
			r.weight += 1 - float64(left)/float64(o.limit(b))
			r.left += left
			r.energy += o.energy[b]
		}
		return ok
	}
	for b, missing := seed, 0; b < len(o.loud) && missing <= longestGap; b++ {
		switch {
		case !o.loud[b]:
		case look(b):
			r.to, missing = b+1, 0
		default:
			missing++
		}
	}
	for b, missing := seed-1, 0; b >= 0 && missing <= longestGap; b-- {
		switch {
		case !o.loud[b]:
		case look(b):
			r.from, missing = b, 0
		default:
			missing++
		}
	}
	return r
}
