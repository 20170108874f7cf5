package drawing

import (
	"cmp"
	"maps"
	"slices"
)

// A lane is what all arrows to one box share, those from the left and those that lead back apart: they run
// together as soon as they can, so that there are as few lines as can be.
type lane struct {
	to   int // the node
	back bool
}

// A slot is a place in a layer: of a box, or of a lane that passes the layer.
type slot struct {
	box  *box // nil: a lane's
	lane lane
	high float64
	y    float64
}

// A hop is an arrow's way from one layer to the next, always told from left to right. ports are below the top
// of the slots.
type hop struct {
	lane                lane
	left, right         *slot
	leftPort, rightPort float64
}

// A drawing is a plan that is being laid out.
type drawing struct {
	plan   Plan
	boxes  []*box
	layer  []int // of each box
	layers [][]*slot
	hops   [][]hop // between each layer and the next
}

func newDrawing(p Plan, m measure) *drawing {
	d := &drawing{plan: p}
	for _, n := range p.Nodes {
		d.boxes = append(d.boxes, layOut(n, m))
	}
	d.divide()
	d.connect()
	return d
}

// find is the place of a node; -1: there is none.
func (d *drawing) find(name string) int {
	return slices.IndexFunc(d.plan.Nodes, func(n Node) bool { return n.Name == name })
}

// divide gives each box its layer: one behind all that lead to it, but for arrows that lead back to where a
// caller has come from.
func (d *drawing) divide() {
	n := len(d.boxes)
	before := make([][]int, n) // who leads here
	led := make([]bool, n)
	for i, node := range d.plan.Nodes {
		for _, e := range node.Exits {
			if to := d.find(e.To); to >= 0 && to != i {
				led[to] = true
			}
		}
	}
	state := make([]int, n)
	var order []int // each behind all that come after it
	var visit func(i int)
	visit = func(i int) {
		state[i] = 1
		for _, e := range d.plan.Nodes[i].Exits {
			switch to := d.find(e.To); {
			case to < 0 || state[to] == 1: // nowhere, or back
			default:
				if !slices.Contains(before[to], i) {
					before[to] = append(before[to], i)
				}
				if state[to] == 0 {
					visit(to)
				}
			}
		}
		state[i] = 2
		order = append(order, i)
	}
	for _, roots := range []bool{true, false} {
		for i := range n {
			if state[i] == 0 && led[i] != roots {
				visit(i)
			}
		}
	}
	d.layer = make([]int, n)
	slices.Reverse(order)
	for _, i := range order {
		for _, from := range before[i] {
			d.layer[i] = max(d.layer[i], d.layer[from]+1)
		}
	}
	for _, i := range order { // arrows are short rather than boxes to the left: lines stand before their menu
		if least := d.nearest(i); len(before[i]) == 0 && least > 0 {
			d.layer[i] = least - 1
		}
	}
}

// nearest is the least layer that a box leads to; 0: none.
func (d *drawing) nearest(i int) (least int) {
	for _, e := range d.plan.Nodes[i].Exits {
		if to := d.find(e.To); to >= 0 && to != i && (least == 0 || d.layer[to] < least) {
			least = d.layer[to]
		}
	}
	return least
}

// connect makes the slots of all layers and the hops between them.
func (d *drawing) connect() {
	count := 0
	for _, l := range d.layer {
		count = max(count, l+1)
	}
	d.layers, d.hops = make([][]*slot, count), make([][]hop, max(0, count-1))
	own := make([]*slot, len(d.boxes))
	for i, b := range d.boxes {
		own[i] = &slot{box: b, high: b.high}
		d.layers[d.layer[i]] = append(d.layers[d.layer[i]], own[i])
	}
	type key struct {
		lane
		layer int
	}
	passing := map[key]*slot{}
	// stop is where a lane is in a layer: its slot, made if need be, or the box that it leads to.
	stop := func(l lane, layer int) (s *slot, port float64, isNew bool) {
		if layer == d.layer[l.to] {
			return own[l.to], entry, false
		}
		k := key{l, layer}
		if s := passing[k]; s != nil {
			return s, laneHeight / 2, false
		}
		s = &slot{lane: l, high: laneHeight}
		passing[k] = s
		d.layers[layer] = append(d.layers[layer], s)
		return s, laneHeight / 2, true
	}
	for i, b := range d.boxes {
		for e, exit := range b.node.Exits {
			to := d.find(exit.To)
			if to < 0 || to == i {
				continue
			}
			l := lane{to, d.layer[to] <= d.layer[i]}
			from, port := own[i], b.ports[e]
			step := 1
			if l.back {
				step = -1
			}
			for at := d.layer[i]; at != d.layer[to]; at += step {
				next, nextPort, isNew := stop(l, at+step)
				h := hop{l, from, next, port, nextPort}
				if l.back {
					h = hop{l, next, from, nextPort, port}
				}
				gap := min(at, at+step)
				d.hops[gap] = append(d.hops[gap], h)
				if next.box == nil && !isNew {
					break // from here on the others have laid the lane
				}
				from, port = next, nextPort
			}
		}
	}
}

const (
	laneHeight = 12
	boxGap     = 18
	sweeps     = 40
)

// arrange puts the slots of each layer in order and gives them their heights: near what they are joined to,
// with as few crossings as are found.
func (d *drawing) arrange() {
	for _, layer := range d.layers {
		d.stack(layer, nil)
	}
	best := d.save()
	least := d.cost()
	keep := func() {
		if c := d.cost(); c < least {
			best, least = d.save(), c
		}
	}
	for s := range sweeps {
		for i := range d.layers {
			if s%2 == 1 {
				i = len(d.layers) - 1 - i
			}
			wanted := d.wanted(i, s%4 < 2 && s < sweeps/2)
			slices.SortStableFunc(d.layers[i], func(a, b *slot) int { return cmp.Compare(wanted[a]+a.high/2, wanted[b]+b.high/2) })
			d.stack(d.layers[i], wanted)
		}
		keep()
	}
	d.restore(best)
	d.swap()
	for s := range 12 { // now that the order stands, straight lines
		for i := range d.layers {
			if s%2 == 1 {
				i = len(d.layers) - 1 - i
			}
			d.stack(d.layers[i], d.wanted(i, false))
		}
	}
}

// swap exchanges neighbours as long as that helps. What it costs is looked at on both sides of their layer alone.
func (d *drawing) swap() {
	for better, rounds := true, 0; better && rounds < 8; rounds++ {
		better = false
		for i, layer := range d.layers {
			near := func() float64 {
				sum := d.height()
				for gap := max(0, i-1); gap <= i && gap < len(d.hops); gap++ {
					sum += d.steep(gap)
				}
				return sum
			}
			least := near()
			before := make([]float64, len(layer))
			for k := range len(layer) - 1 {
				for n, s := range layer {
					before[n] = s.y
				}
				layer[k], layer[k+1] = layer[k+1], layer[k]
				d.stack(layer, d.wanted(i, false))
				if c := near(); c < least-0.5 {
					least, better = c, true
					continue
				}
				layer[k], layer[k+1] = layer[k+1], layer[k]
				for n, s := range layer {
					s.y = before[n]
				}
			}
		}
	}
}

// wanted is how high each slot of a layer would be if it were alone: in the middle of what it is joined to; of
// its left alone, or of both sides.
func (d *drawing) wanted(i int, leftAlone bool) map[*slot]float64 {
	sum, count := map[*slot]float64{}, map[*slot]float64{}
	add := func(s *slot, y float64) { sum[s] += y; count[s]++ }
	if i > 0 {
		for _, h := range d.hops[i-1] {
			add(h.right, h.left.y+h.leftPort-h.rightPort)
		}
	}
	if i < len(d.hops) && (!leftAlone || i == 0) {
		for _, h := range d.hops[i] {
			add(h.left, h.right.y+h.rightPort-h.leftPort)
		}
	}
	out := map[*slot]float64{}
	for _, s := range d.layers[i] {
		out[s] = s.y
		if count[s] > 0 {
			out[s] = sum[s] / count[s]
		}
	}
	return out
}

// stack gives the slots of a layer heights as near as can be to the wanted ones, in their order and apart from
// each other: the least sum of squares, by pooling neighbours that push each other.
func (d *drawing) stack(layer []*slot, wanted map[*slot]float64) {
	type pool struct {
		sum, weight float64
		count       int
	}
	var pools []pool
	offset := 0.0
	offsets := make([]float64, len(layer))
	for k, s := range layer {
		if k > 0 {
			offset += layer[k-1].high + apart(layer[k-1], s)
		}
		offsets[k] = offset
		weight := 1.0
		if s.box == nil {
			weight = 2
		}
		p := pool{(wanted[s] - offset) * weight, weight, 1}
		for len(pools) > 0 && pools[len(pools)-1].sum/pools[len(pools)-1].weight >= p.sum/p.weight {
			last := pools[len(pools)-1]
			p = pool{p.sum + last.sum, p.weight + last.weight, p.count + last.count}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, p)
	}
	k := 0
	for _, p := range pools {
		for range p.count {
			layer[k].y = offsets[k] + p.sum/p.weight
			k++
		}
	}
}

// apart is how far two neighbours of a layer are from each other.
func apart(a, b *slot) float64 {
	if a.box == nil && b.box == nil {
		return 2
	}
	if a.box == nil || b.box == nil {
		return boxGap / 2
	}
	return boxGap
}

// cost is how bad the picture is.
func (d *drawing) cost() float64 {
	sum := d.height()
	for gap := range d.hops {
		sum += d.steep(gap)
	}
	return sum
}

// steep is how bad the lines of a gap are: those that cross, and how steep they are.
func (d *drawing) steep(gap int) (sum float64) {
	const crossing = 400
	type line struct {
		lane lane
		a, b float64
	}
	lines := make([]line, 0, len(d.hops[gap]))
	for _, h := range d.hops[gap] {
		lines = append(lines, line{h.lane, h.left.y + h.leftPort, h.right.y + h.rightPort})
	}
	for i, one := range lines {
		sum += max(one.a-one.b, one.b-one.a)
		for _, other := range lines[:i] {
			if one.lane != other.lane && (one.a-other.a)*(one.b-other.b) < 0 {
				sum += crossing
			}
		}
	}
	return sum
}

// height is what the height of the picture costs.
func (d *drawing) height() float64 {
	top, bottom := d.extent()
	return 4 * (bottom - top)
}

func (d *drawing) extent() (top, bottom float64) {
	first := true
	for _, layer := range d.layers {
		for _, s := range layer {
			if first {
				top, bottom, first = s.y, s.y+s.high, false
			}
			top, bottom = min(top, s.y), max(bottom, s.y+s.high)
		}
	}
	return top, bottom
}

// A saved is an order and heights that were good.
type saved struct {
	layers [][]*slot
	y      map[*slot]float64
}

func (d *drawing) save() saved {
	s := saved{y: map[*slot]float64{}}
	for _, layer := range d.layers {
		s.layers = append(s.layers, slices.Clone(layer))
		for _, one := range layer {
			s.y[one] = one.y
		}
	}
	return s
}

func (d *drawing) restore(s saved) {
	for i, layer := range s.layers {
		d.layers[i] = slices.Clone(layer)
	}
	for one := range maps.Keys(s.y) {
		one.y = s.y[one]
	}
}
