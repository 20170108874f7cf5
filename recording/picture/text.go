package picture

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Terminal is what a picture is drawn on as text.
type Terminal struct {
	Width  int  // columns; fewer than 40 are taken for 40
	Colour bool // ECMA-48 colours
	ASCII  bool // nothing but ASCII
}

const (
	leastWidth = 40
	waveRows   = 4 // of a channel
	margins    = 2 // columns before everything
)

// colours are SGR parameters; words and shapes say the same.
var colours = map[Kind]string{Notice: "34", Wait: "33", Hold: "35", Pause: "31", Talk: "32", Gap: "2"}

const (
	colourSaid  = "36"
	colourHeard = "32"
	bold        = "1"
	dim         = "2"
)

// Text draws a picture for a terminal: the caller above, below what the caller hears, one axis for both.
func Text(p Picture, t Terminal) string {
	d := &drawing{p: p, t: t, wide: max(leastWidth, t.Width) - margins - 1}
	d.line(d.paint(bold, clean("recording of call "+p.Call)))
	d.line(clean(p.head()))
	d.line("")
	above, below := p.sides()
	d.wave(above, "left", p.Peaks.Said, colourSaid)
	d.wave(below, "right", p.Peaks.Heard, colourHeard)
	d.axis()
	d.lanes()
	d.marks()
	d.list()
	return d.b.String()
}

// A drawing is a Picture that is being drawn as text.
type drawing struct {
	p    Picture
	t    Terminal
	wide int // columns of the axis
	b    strings.Builder
}

func (d *drawing) line(text string) {
	text = strings.TrimRight(text, " ")
	if text != "" {
		text = strings.Repeat(" ", margins) + text
	}
	d.b.WriteString(text + "\n")
}

// paint gives a text a colour, if there are any.
func (d *drawing) paint(colour, text string) string {
	if !d.t.Colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// levels are how full a character is, from empty to whole.
func (d *drawing) levels() []rune {
	if d.t.ASCII {
		return []rune(" .:|#")
	}
	return []rune(" ▁▂▃▄▅▆▇█")
}

// column is where a moment is.
func (d *drawing) column(at time.Duration) int {
	if d.p.Length <= 0 {
		return 0
	}
	return min(d.wide-1, int(int64(at)*int64(d.wide)/int64(d.p.Length)))
}

// wave draws a channel. What was not written is a row of points, not the emptiness of a silence.
func (d *drawing) wave(name, channel string, cells []byte, colour string) {
	gaps := make([]bool, d.wide)
	for _, s := range d.p.Gaps(channel) {
		for i := d.column(s.From); i <= d.column(s.To-1); i++ {
			gaps[i] = true
		}
	}
	hills := stretch(Hills(cells, d.wide), d.wide)
	levels := d.levels()
	full := len(levels) - 1
	point := "·"
	if d.t.ASCII {
		point = "-"
	}
	d.line(clean(name))
	for row := waveRows - 1; row >= 0; row-- {
		var b strings.Builder
		for i, h := range hills {
			n := int(h*float64(waveRows*full)+0.5) - row*full
			if row == 0 && h > 0 {
				n = max(n, 1)
			}
			if row == 0 && n <= 0 && gaps[i] {
				b.WriteString(point)
				continue
			}
			b.WriteRune(levels[min(max(0, n), full)])
		}
		d.line(d.paint(colour, strings.TrimRight(b.String(), " ")))
	}
}

// stretch gives as many columns as there is room for, where there are fewer cells.
func stretch(hills []float64, wide int) []float64 {
	out := make([]float64, wide)
	for i := range out {
		if len(hills) > 0 {
			out[i] = hills[i*len(hills)/wide]
		}
	}
	return out
}

func (d *drawing) axis() {
	rule, tick := "─", "┬"
	if d.t.ASCII {
		rule, tick = "-", "+"
	}
	ruler := strings.Split(strings.Repeat(rule, d.wide), "")
	times := []rune(strings.Repeat(" ", d.wide+8))
	next := 0
	for _, at := range Ticks(d.p.Length, d.wide/10) {
		x, text := d.column(at), Clock(at)
		ruler[x] = tick
		if x >= next && x+len(text) <= d.wide {
			copy(times[x:], []rune(text))
			next = x + len(text) + 1
		}
	}
	d.line(d.paint(dim, strings.Join(ruler, "")))
	d.line(string(times))
}

// lanes draw what is no gap: what happened to the caller, then who was joined.
func (d *drawing) lanes() {
	for _, lane := range d.p.Lanes() {
		for _, row := range lane {
			var b strings.Builder
			at := 0
			for _, s := range row {
				from := max(at, d.column(s.From))
				to := max(from+1, d.column(s.To-1)+1)
				if from >= d.wide {
					continue
				}
				b.WriteString(strings.Repeat(" ", from-at))
				b.WriteString(d.paint(colours[s.Kind], d.bar(s, min(to, d.wide)-from)))
				at = min(to, d.wide)
			}
			d.line(b.String())
		}
	}
}

// bar is a span with as much of its name as there is room for.
func (d *drawing) bar(s Span, wide int) string {
	name := clean(s.label())
	left, fill, right, single := "├", "─", "┤", "│"
	if d.t.ASCII {
		left, fill, right, single = "[", "=", "]", "|"
	}
	switch {
	case wide == 1:
		return single
	case wide < 5:
		return left + strings.Repeat(fill, wide-2) + right
	}
	if utf8.RuneCountInString(name) > wide-2 && s.Kind != Talk {
		name = string(s.Kind) // the list has the rest
	}
	name = cutTo(name, wide-2, d.t.ASCII)
	return left + name + strings.Repeat(fill, wide-2-utf8.RuneCountInString(name)) + right
}

func cutTo(text string, most int, ascii bool) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	end := "…"
	if ascii {
		end = "."
	}
	return string(runes[:most-1]) + end
}

// marks draw moments, numbered as in the list.
func (d *drawing) marks() {
	if len(d.p.Marks) == 0 {
		return
	}
	row := []rune(strings.Repeat(" ", d.wide+4))
	next := 0
	for i, m := range d.p.Marks {
		text := []rune(fmt.Sprintf("^%d", i+1))
		if x := max(next, d.column(m.At)); x < d.wide {
			copy(row[x:], text)
			next = x + len(text) + 1
		}
	}
	d.line(string(row))
}

// list tells all spans and marks in words.
func (d *drawing) list() {
	if len(d.p.Spans)+len(d.p.Marks) == 0 {
		return
	}
	d.line("")
	long := len(Fine(d.p.Length))
	for _, s := range d.p.Spans {
		where := map[string]string{"left": " (above)", "right": " (below)"}[s.Channel]
		text := fmt.Sprintf("%*s  %*s  ", long, Fine(s.From), long, Fine(s.To)) + d.paint(colours[s.Kind], string(s.Kind)) + strings.Repeat(" ", max(0, 6-len(s.Kind)))
		d.line(text + "  " + strings.TrimSpace(clean(s.Text)+where))
	}
	for i, m := range d.p.Marks {
		d.line(fmt.Sprintf("%*s  %*s  ^%-5d  %s", long, Fine(m.At), long, "", i+1, clean(m.Text)))
	}
}

// clean keeps what others have written from steering the terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
