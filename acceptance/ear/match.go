package ear

const (
	// likeness is how much of a block's energy the difference may have: -20 dB. G.711 leaves -37 dB,
	// twice coded -34 dB; the same word in another clip is mostly another sound altogether.
	likeness = 0.01
	// steps is what G.711 adds however quiet a block is, as RMS.
	steps = 12
	// longestGap is how many loud blocks in a row a run may lack: six packets.
	longestGap = 12
	// shortestRun is how many loud blocks must be alike: 40 ms, less is chance.
	shortestRun = 4
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
}

// start and end are where the run lies in the recording, in samples.
func (r *run) start() int { return r.shift + r.from*block }
func (r *run) end() int   { return r.shift + r.to*block }

// difference is the energy of what is left of a block of the recording when the original is taken
// away. It gives up when that is too much.
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

func (o *original) limit(b int) int64 {
	return int64(likeness*float64(o.energy[b])) + block*steps*steps
}

// runs finds every run in the recording. A landmark proposes a place; what is alike there is
// followed in both directions as far as it goes.
func (e *Ear) runs(pcm []int16) []*run {
	type place struct{ original, shift int }
	known := make(map[place][]*run)
	var all []*run
	for _, m := range marks(pcm) {
	proposals:
		for _, p := range e.index.find(m.shape) {
			o, at := e.originals[p.original], place{int(p.original), m.at - int(p.at)}
			b := int(p.at) / block
			if b >= len(o.loud) || !o.loud[b] {
				continue
			}
			if _, ok := o.difference(pcm, at.shift, b); !ok {
				continue
			}
			for _, r := range known[at] {
				if r.from <= b && b < r.to {
					continue proposals
				}
			}
			r := o.follow(pcm, at.shift, b)
			r.original = at.original
			known[at] = append(known[at], r)
			if r.alike >= shortestRun {
				all = append(all, r)
			}
		}
	}
	return all
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
