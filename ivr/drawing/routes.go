package drawing

import (
	"cmp"
	"slices"
)

const (
	trackGap = 9  // between two lines that run side by side
	gapSides = 22 // between boxes and the first of them
)

// A net is a lane between two layers: the heights at which it comes and goes, and where its upright part is.
type net struct {
	lane        lane
	left, right []float64
	track       int
}

func (n *net) span() (top, bottom float64) {
	return min(slices.Min(n.left), slices.Min(n.right)), max(slices.Max(n.left), slices.Max(n.right))
}

// nets are the lanes of a gap, each on a track of its own, in an order with as few crossings as are found.
func (d *drawing) nets(gap int) []*net {
	var list []*net
	of := map[lane]*net{}
	once := func(ys []float64, y float64) []float64 {
		if slices.Contains(ys, y) {
			return ys
		}
		return append(ys, y)
	}
	for _, h := range d.hops[gap] {
		n := of[h.lane]
		if n == nil {
			n = &net{lane: h.lane}
			of[h.lane], list = n, append(list, n)
		}
		n.left, n.right = once(n.left, h.left.y+h.leftPort), once(n.right, h.right.y+h.rightPort)
	}
	slices.SortStableFunc(list, func(a, b *net) int { // those that lead down are best from right to left
		return cmp.Compare(slices.Min(b.left), slices.Min(a.left))
	})
	settle(list)
	for i, n := range list {
		n.track = i
	}
	return list
}

// settle moves each net to where it crosses the fewest others, until none is better elsewhere.
func settle(list []*net) {
	price := map[[2]*net]int{} // of one being somewhere left of the other
	for _, a := range list {
		for _, b := range list {
			price[[2]*net{a, b}] = crossings(a, b)
		}
	}
	for better, rounds := true, 0; better && rounds < 30; rounds++ {
		better = false
		for i := range list {
			best, least := i, 0
			for _, step := range []int{-1, 1} {
				change := 0
				for k := i + step; k >= 0 && k < len(list); k += step {
					mine, other := list[i], list[k]
					left, right := price[[2]*net{mine, other}], price[[2]*net{other, mine}] // mine left of it, or right
					if step < 0 {
						left, right = right, left
					}
					if change += right - left; change < least {
						best, least = k, change
					}
				}
			}
			if best != i {
				n := list[i]
				copy(list[i:], list[i+1:])
				copy(list[best+1:], list[best:len(list)-1])
				list[best] = n
				better = true
			}
		}
	}
}

// crossings counts those of two nets of which a is left of b; lines that would lie on each other count as many.
func crossings(a, b *net) (sum int) {
	const (
		onEachOther = 40
		tooNear     = 4.0
	)
	within := func(ys []float64, n *net) {
		top, bottom := n.span()
		for _, y := range ys {
			if y > top-1 && y < bottom+1 {
				sum++
			}
		}
	}
	within(a.right, b)
	within(b.left, a)
	for _, y := range a.right {
		if slices.ContainsFunc(b.left, func(other float64) bool { return max(y-other, other-y) < tooNear }) {
			sum += onEachOther
		}
	}
	return sum
}
