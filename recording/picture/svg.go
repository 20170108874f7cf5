package picture

import (
	"fmt"
	"strings"
	"time"
)

// Measures of the SVG, in units of the picture.
const (
	sheetWide = 1200
	edge      = 24 // left and right of everything
	plotWide  = sheetWide - 2*edge
	plotCols  = plotWide / 2
	barHigh   = 24
	barGap    = 4
	waveHigh  = 100
	rowHigh   = 17
	charWide  = 6.4 // of 12 units, rather too wide
)

// SVG draws a picture for a browser or a sheet of paper: light or dark as the reader has it, each thing with its
// word and its pattern beside its colour, titles for those who point at it, and all of it as a list below.
func SVG(p Picture) []byte {
	s := &sheet{p: p, lanes: p.Lanes()}
	s.measure()
	s.head()
	s.laneOf(0, "what happens")
	s.laneOf(1, "talks to")
	above, below := p.sides()
	s.wave(s.waves[0], above, "left", p.Peaks.Said)
	s.wave(s.waves[1], below, "right", p.Peaks.Heard)
	s.axis()
	s.moments()
	s.legend()
	s.list()
	s.printf("</svg>\n")
	return []byte(s.b.String())
}

// A sheet is what is drawn on.
type sheet struct {
	p     Picture
	lanes [2][][]Span
	b     strings.Builder

	tops    [2]float64 // of the lanes
	flags   float64    // where the marks have their numbers
	waves   [2]float64
	foot    float64 // of the plot
	legends float64
	lists   float64
	high    float64
	told    []line
}

// A line is one of the list: when, and what.
type line struct {
	when, what string
	kind       Kind // empty: a mark
}

func (s *sheet) printf(format string, args ...any) { fmt.Fprintf(&s.b, format, args...) }

// measure gives everything its place from top to bottom.
func (s *sheet) measure() {
	y := 78.0
	for i, lane := range s.lanes {
		s.tops[i] = y + 18
		y = s.tops[i] + float64(max(1, len(lane))*(barHigh+barGap)) + 8
	}
	if s.flags = y; len(s.p.Marks) > 0 {
		y += 22
	}
	for i := range s.waves {
		s.waves[i] = y + 20
		y = s.waves[i] + waveHigh + 6
	}
	s.foot = y
	s.legends = y + 44
	s.lists = s.legends + 40
	for _, span := range s.p.Spans {
		what := string(span.Kind)
		if span.Text != "" {
			what += ": " + span.Text
		}
		if above, below := s.p.sides(); span.Channel == "left" {
			what += " (" + above + ")"
		} else if span.Channel == "right" {
			what += " (" + below + ")"
		}
		s.told = append(s.told, line{Fine(span.From) + " – " + Fine(span.To), what, span.Kind})
	}
	for i, m := range s.p.Marks {
		s.told = append(s.told, line{Fine(m.At), fmt.Sprintf("%d  %s", i+1, m.Text), ""})
	}
	s.high = s.lists + float64((len(s.told)+1)/2*rowHigh) + 12
}

// x is where a moment is.
func (s *sheet) x(at time.Duration) float64 {
	if s.p.Length <= 0 {
		return edge
	}
	return edge + plotWide*float64(at)/float64(s.p.Length)
}

func (s *sheet) head() {
	p := s.p
	s.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" role="img" aria-labelledby="title about" lang="en">`+"\n", sheetWide, s.high)
	s.printf("<title id=\"title\">Recording of call %s</title>\n<desc id=\"about\">%s</desc>\n", escape(p.Call), escape(s.about()))
	s.printf("<style>%s</style>\n<defs>", style())
	for _, k := range Kinds {
		s.printf(`<pattern id="p-%s" width="8" height="8" patternUnits="userSpaceOnUse"><path class="ink %s" d="%s"/></pattern>`, k, k, patterns[k])
	}
	s.printf("</defs>\n<rect class=\"sheet\" width=\"%d\" height=\"%.0f\"/>\n", sheetWide, s.high)
	s.printf("<text class=\"title\" x=\"%d\" y=\"38\">Recording of call %s</text>\n", edge, escape(p.Call))
	s.printf("<text class=\"note\" x=\"%d\" y=\"60\">%s</text>\n", edge, escape(p.head()))
}

// about is the picture in words, for those who do not see it.
func (s *sheet) about() string {
	above, below := s.p.sides()
	parts := []string{fmt.Sprintf("Two channels on one axis of %s: above the %s, below %s.", Fine(s.p.Length), above, below)}
	for _, span := range s.p.Spans {
		parts = append(parts, span.title()+".")
	}
	for _, m := range s.p.Marks {
		parts = append(parts, Clock(m.At)+": "+m.Text+".")
	}
	return strings.Join(parts, " ")
}

// laneOf draws a lane of spans.
func (s *sheet) laneOf(i int, name string) {
	s.printf("<text class=\"name\" x=\"%d\" y=\"%.0f\">%s</text>\n", edge, s.tops[i]-6, name)
	s.printf("<path class=\"rule\" d=\"M%d %.1fh%d\"/>\n", edge, s.tops[i]-1, plotWide)
	for r, row := range s.lanes[i] {
		y := s.tops[i] + float64(r*(barHigh+barGap)) + barGap/2
		for _, span := range row {
			s.bar(span, y)
		}
	}
}

// bar draws a span: its pattern at its beginning, or all over where nothing else has room.
func (s *sheet) bar(span Span, y float64) {
	x, wide := s.x(span.From), max(2, s.x(span.To)-s.x(span.From))
	s.printf("<g><title>%s</title><rect class=\"bar %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>", escape(span.title()), span.Kind, x, y, wide, barHigh)
	patterned := min(wide, 10)
	if wide < 40 {
		patterned = wide
	}
	s.printf("<rect fill=\"url(#p-%s)\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>", span.Kind, x, y, patterned, barHigh)
	if wide >= 40 {
		s.printf("<text class=\"in\" x=\"%.1f\" y=\"%.1f\">%s</text>", x+13, y+16.5, escape(fit(span, wide-16)))
	}
	s.printf("</g>\n")
}

// wave draws a channel, and over it where it was not written.
func (s *sheet) wave(y float64, name, channel string, cells []byte) {
	s.printf("<text class=\"name\" x=\"%d\" y=\"%.0f\">%s</text>\n", edge, y-5, escape(name))
	s.printf("<rect class=\"back\" x=\"%d\" y=\"%.0f\" width=\"%d\" height=\"%d\"/>\n", edge, y, plotWide, waveHigh)
	for _, span := range s.p.Gaps(channel) {
		x := s.x(span.From)
		s.printf("<g><title>%s</title><rect class=\"hole\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%d\"/><rect fill=\"url(#p-gap)\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%d\"/></g>\n",
			escape(span.title()), x, y, s.x(span.To)-x, waveHigh, x, y, s.x(span.To)-x, waveHigh)
	}
	s.printf("<path class=\"wave %s\" d=\"%s\"/>\n", channel, Path(Hills(cells, plotCols), s.p.End(cells), edge, y, plotWide, waveHigh))
}

// Path is the outline of hills as the data of an SVG path: steps around the middle of a box, so that nothing is drawn
// where nothing was. The last hill may end outside, where a cell is longer than what is left of the sound: end is how
// long the cells are as a share of it, and what is outside is cut off.
func Path(hills []float64, end, x, y, wide, high float64) string {
	var b strings.Builder
	middle, step := y+high/2, end*wide/float64(max(1, len(hills)))
	half := func(i int) float64 { return max(0.4, hills[i]*high/2) }
	fmt.Fprintf(&b, "M%.1f %.1f", x, middle)
	for i := range hills {
		fmt.Fprintf(&b, "V%.1fH%.1f", middle-half(i), x+min(wide, step*float64(i+1)))
	}
	for i := len(hills) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "V%.1fH%.1f", middle+half(i), x+min(wide, step*float64(i)))
	}
	b.WriteString("Z")
	return b.String()
}

func (s *sheet) axis() {
	s.printf("<path class=\"rule\" d=\"M%d %.1fh%d\"/>\n", edge, s.foot+4, plotWide)
	for _, at := range Ticks(s.p.Length, 16) {
		x, anchor := s.x(at), "middle"
		switch {
		case at == 0:
			anchor = "start"
		case x > sheetWide-edge-16:
			anchor = "end"
		}
		s.printf("<path class=\"rule\" d=\"M%.1f %.1fv6\"/><text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, s.foot+4, x, s.foot+23, anchor, Clock(at))
	}
}

// moments draw the marks: a number, and a line down to the axis. Numbers too near to each other give way to the right.
func (s *sheet) moments() {
	next := 0.0
	for i, m := range s.p.Marks {
		x := s.x(m.At)
		label := min(max(x, next), sheetWide-edge-8)
		next = label + 20
		s.printf("<g><title>%s: %s</title><path class=\"flag\" d=\"M%.1f %.1fL%.1f %.1fV%.1f\"/>", Clock(m.At), escape(m.Text), label, s.flags+14, x, s.flags+22, s.foot)
		s.printf("<circle class=\"disc\" cx=\"%.1f\" cy=\"%.1f\" r=\"9\"/><text class=\"number\" x=\"%.1f\" y=\"%.1f\">%d</text></g>\n", label, s.flags+5, label, s.flags+9, i+1)
	}
}

func (s *sheet) legend() {
	x := float64(edge)
	s.printf("<g>")
	for _, k := range Kinds {
		text := string(k) + ": " + k.About()
		s.printf("<rect class=\"bar %s\" x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"14\"/><rect fill=\"url(#p-%s)\" x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"14\"/>", k, x, s.legends-11, k, x, s.legends-11)
		s.printf("<text class=\"key\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x+19, s.legends+0.5, escape(text))
		x += 19 + float64(len(text))*5.65 + 14
	}
	s.printf("</g>\n")
}

// list tells everything in words, in two columns.
func (s *sheet) list() {
	half := (len(s.told) + 1) / 2
	for i, l := range s.told {
		x, y := float64(edge), s.lists+float64(i%max(1, half)*rowHigh)
		if i >= half {
			x += plotWide/2 + 8
		}
		s.printf("<text class=\"when\" x=\"%.0f\" y=\"%.0f\">%s</text>", x+112, y, escape(l.when))
		s.printf("<text class=\"what\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", x+122, y, escape(cut(l.what, plotWide/2-134)))
	}
}

// fit is what is written into a span: all that is known of it, or its kind, or as much as there is room for.
func fit(s Span, room float64) string {
	if text := s.label(); float64(len([]rune(text)))*charWide <= room || s.Kind == Talk {
		return cut(text, room)
	}
	return cut(string(s.Kind), room)
}

// cut shortens a text for a room; nothing of it is shown where there is none.
func cut(text string, room float64) string {
	runes, most := []rune(text), int(room/charWide)
	switch {
	case len(runes) <= most:
		return text
	case most < 3:
		return ""
	}
	return strings.TrimRight(string(runes[:most-1]), " ,.:") + "…"
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// escape makes a text fit for XML, which knows no control signs.
func escape(text string) string {
	return escaper.Replace(strings.Map(func(r rune) rune {
		if r < ' ' || r == '\uFFFE' || r == '\uFFFF' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?")))
}
