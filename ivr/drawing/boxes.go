package drawing

// Measures of boxes, in units of the picture: pixels on a screen, half a point or so on A3.
const (
	headHeight  = 26
	padding     = 8
	lineHeight  = 14.5
	textSize    = 12
	nameSize    = 13.5
	nameLeft    = 28
	kindSize    = 10.5
	bold        = 1.1 // how much wider bold letters are
	boxNarrow   = 220 // of boxes without words of callers
	languageTab = 20  // where texts begin, behind their language
	rowGap      = 5
)

// A box is a node with its lines of text laid out.
type box struct {
	node  Node
	wide  float64
	high  float64
	rows  []row
	ports []float64 // of the exits: how far below the top their arrows leave
}

// A row is a line of a box, or some that belong together.
type row struct {
	y     float64 // of its top, below that of the box
	high  float64
	exit  int // whose row it is; -1: nobody's
	words *Words
	lines []textLine
}

// A textLine is one line of text. The first of a language has its name before it.
type textLine struct {
	tag, text string
	looks     string // its class
}

// A measure is how boxes with words of callers are made.
type measure struct {
	wide  float64
	lines int // of each text where a box says one or two clips; where it says more, each has one
}

// layOut makes the box of a node.
func layOut(n Node, m measure) *box {
	b := &box{node: n, wide: boxNarrow}
	clips := len(n.Said)
	for _, e := range n.Exits {
		clips += len(e.Said)
	}
	if clips > 0 || n.Kind == KindLine {
		b.wide = m.wide
	}
	b.wide = max(b.wide, min(m.wide, nameLeft+width(n.Name, nameSize*bold)+width(n.Kind, kindSize)+3*padding))
	lines := m.lines
	b.high = headHeight + padding
	for _, about := range n.About {
		var r row
		for _, l := range wrap(about, textSize, b.wide-2*padding, 4) {
			r.lines = append(r.lines, textLine{text: l, looks: "about"})
		}
		b.add(r, -1)
	}
	if len(n.Said) > 2 {
		lines = 1
	}
	for i := range n.Said {
		b.add(said(&n.Said[i], b.wide, lines), -1)
	}
	for i, e := range n.Exits {
		b.ports = append(b.ports, b.high+lineHeight/2)
		b.add(row{lines: []textLine{{tag: e.Label, text: "→ " + e.To, looks: "exit"}}}, i)
		for k := range e.Said {
			b.high -= rowGap
			b.add(said(&e.Said[k], b.wide, 1), i)
		}
	}
	b.high += padding - rowGap
	return b
}

func (b *box) add(r row, exit int) {
	r.y, r.high, r.exit = b.high, float64(len(r.lines))*lineHeight, exit
	b.rows = append(b.rows, r)
	b.high += r.high + rowGap
}

// said lays out the words of a clip, in each language so many lines.
func said(w *Words, wide float64, most int) row {
	r := row{words: w}
	if len(w.Texts) == 0 {
		r.lines = []textLine{{text: "“" + cut(w.Clip, textSize, wide-2*padding-10) + "”", looks: "clip"}}
	}
	for _, t := range w.Texts {
		for i, l := range wrap(t.Text, textSize, wide-2*padding-languageTab, most) {
			tag := t.Language
			if i > 0 {
				tag = ""
			}
			r.lines = append(r.lines, textLine{tag, l, "said"})
		}
	}
	return r
}

// entry is how far below the top of a box arrows come to it.
const entry = headHeight / 2
