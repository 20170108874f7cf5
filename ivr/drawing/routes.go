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
	all := append(slices.Clone(n.left), n.right...)
	return slices.Min(all), slices.Max(all)
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
	for better, rounds := true, 0; better && rounds < 30; rounds++ {
		better = false
		for i := range list {
			for k := range list {
				if moved := move(list, i, k); total(moved) < total(list) {
					list, better = moved, true
				}
			}
		}
	}
	for i, n := range list {
		n.track = i
	}
	return list
}

// move takes the net at i to k.
func move(list []*net, i, k int) []*net {
	out := slices.Delete(slices.Clone(list), i, i+1)
	return slices.Insert(out, k, list[i])
}

// total counts the crossings of nets in this order, and lines that would lie on each other as many.
func total(list []*net) (sum int) {
	const (
		onEachOther = 40
		tooNear     = 4.0
	)
	within := func(ys []float64, n *net) (count int) {
		top, bottom := n.span()
		for _, y := range ys {
			if y > top-1 && y < bottom+1 {
				count++
			}
		}
		return count
	}
	for i, b := range list {
		for _, a := range list[:i] {
			sum += within(a.right, b) + within(b.left, a)
			for _, y := range a.right {
				if slices.ContainsFunc(b.left, func(other float64) bool { return max(y-other, other-y) < tooNear }) {
					sum += onEachOther
				}
			}
		}
	}
	return sum
}
