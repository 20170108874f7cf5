package ear

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

const (
	peakReach = 6   // samples: a landmark is the highest for 0.75 ms on both sides, so 1 kHz has some
	peakLevel = 300 // and higher than this
	around    = 200 // samples on both sides that its shape is taken from
	smooth    = 4   // samples that are added up for one point of the shape
	margin    = around + smooth
	shapeBits = 32
	bucketLog = 16 // the index is found by so many bits of a shape
)

// points are the pairs of places around a landmark that are compared, each a bit of its shape.
// They are random, but the same every time.
var points = func() (p [shapeBits][2]int) {
	r := rand.New(rand.NewPCG(8000, 711))
	for i := range p {
		p[i] = [2]int{r.IntN(2*around) - around, r.IntN(2*around) - around}
	}
	return p
}()

// A mark is a landmark: a peak, and the shape of the sound around it, which does not depend on how
// loud the sound is.
type mark struct {
	at    int // sample
	shape uint32
}

// marks finds the landmarks of a sound. Those whose surroundings are not all there are left out.
func marks(pcm []int16) []mark {
	n := len(pcm)
	if n < 2*margin {
		return nil
	}
	sum := make([]int32, n+1) // int32 may wrap: differences of near sums are right all the same
	for i, v := range pcm {
		sum[i+1] = sum[i] + int32(v)
	}
	height := func(i int) int32 { return int32(pcm[i-1]) + 2*int32(pcm[i]) + int32(pcm[i+1]) }
	var all []mark
	for i := margin; i < n-margin; i++ {
		h := height(i)
		if h < 4*peakLevel || !peak(height, i, h) {
			continue
		}
		m := mark{at: i}
		for bit, p := range points {
			a, b := i+p[0], i+p[1]
			if sum[a+smooth]-sum[a] > sum[b+smooth]-sum[b] {
				m.shape |= 1 << bit
			}
		}
		all = append(all, m)
	}
	return all
}

// peak reports whether nothing near is higher than i; of equals the first counts.
func peak(height func(int) int32, i int, h int32) bool {
	for k := 1; k <= peakReach; k++ {
		if height(i-k) >= h || height(i+k) > h {
			return false
		}
	}
	return true
}

// A posting is a landmark of an original.
type posting struct {
	shape    uint32
	original int32
	at       int32
}

// An index finds the postings of a shape.
type index struct {
	postings []posting // by shape
	starts   []int32   // where the postings begin whose shape has these upper bits
}

func newIndex(originals []*original) index {
	var x index
	for i, o := range originals {
		for _, m := range marks(o.pcm) {
			x.postings = append(x.postings, posting{m.shape, int32(i), int32(m.at)})
		}
	}
	slices.SortFunc(x.postings, func(a, b posting) int {
		return cmp.Or(cmp.Compare(a.shape, b.shape), cmp.Compare(a.original, b.original), cmp.Compare(a.at, b.at))
	})
	x.starts = make([]int32, 1<<bucketLog+1)
	for _, p := range x.postings {
		x.starts[p.shape>>(shapeBits-bucketLog)+1]++
	}
	for i := range 1 << bucketLog {
		x.starts[i+1] += x.starts[i]
	}
	return x
}

// find gives the postings of one shape.
func (x index) find(shape uint32) []posting {
	top := shape >> (shapeBits - bucketLog)
	near := x.postings[x.starts[top]:x.starts[top+1]]
	from, _ := slices.BinarySearchFunc(near, shape, func(p posting, s uint32) int { return cmp.Compare(p.shape, s) })
	to := from
	for to < len(near) && near[to].shape == shape {
		to++
	}
	return near[from:to]
}
