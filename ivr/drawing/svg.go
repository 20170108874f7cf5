package drawing

import (
	"fmt"
	"slices"
	"strings"
)

const (
	margin     = 24
	titleSize  = 20
	titleSpace = 46
	noteSpace  = 16
	corner     = 6
)

// The sheet for which a picture is made: A3 lying on its side, in points, without its margins (ISO 216).
const (
	sheetWide, sheetHigh = 1145, 796
	legible              = 5.4 // points of the texts on it
)

// SVG draws a plan. Of the measures with as long texts as can still be read on a sheet, those are taken that
// give the largest print.
func SVG(p Plan) []byte {
	var best *sheet
	for lines := 4; lines >= 2; lines-- {
		best = nil
		for _, wide := range []float64{300, 340, 380, 420} {
			d := newDrawing(p, measure{wide, lines})
			d.arrange()
			s := &sheet{drawing: d}
			s.columns()
			if best == nil || s.print() > best.print() {
				best = s
			}
		}
		if best.print()*textSize >= legible {
			break
		}
	}
	return best.draw()
}

// print is how much smaller the picture is on the sheet.
func (s *sheet) print() float64 { return min(sheetWide/s.w, sheetHigh/s.h) }

func (s *sheet) draw() []byte {
	s.head()
	for gap := range s.hops {
		s.gap(gap)
	}
	for i, layer := range s.layers {
		for _, one := range layer {
			if one.box == nil {
				s.pass(i, one)
			}
		}
	}
	for i, layer := range s.layers {
		for _, one := range layer {
			if one.box != nil {
				s.box(s.x[i], one)
			}
		}
	}
	for gap := range s.hops {
		s.heads(gap)
	}
	s.foot()
	return []byte(s.b.String())
}

// A sheet is what is drawn on.
type sheet struct {
	*drawing
	b          strings.Builder
	x          []float64 // of the left of each layer
	wide       []float64 // of each layer
	gaps       [][]*net
	w, h, high float64 // of the sheet; high is the height of the layers
}

func (s *sheet) printf(format string, args ...any) { fmt.Fprintf(&s.b, format, args...) }

// columns gives the layers their places from left to right and the sheet its size.
func (s *sheet) columns() {
	top, bottom := s.extent()
	for _, layer := range s.layers {
		for _, one := range layer {
			one.y += margin + titleSpace - top
		}
	}
	s.high = bottom - top
	x := float64(margin)
	for i, layer := range s.layers {
		wide := 0.0
		for _, one := range layer {
			if one.box != nil {
				wide = max(wide, one.box.wide)
			}
		}
		s.x, s.wide = append(s.x, x), append(s.wide, wide)
		x += wide
		if i < len(s.hops) {
			nets := s.nets(i)
			s.gaps = append(s.gaps, nets)
			x += 2*gapSides + float64(max(0, len(nets)-1))*trackGap
		}
	}
	least := 0.0
	for _, n := range append(s.plan.Notes, s.plan.Title) {
		least = max(least, width(n, textSize)+2*margin)
	}
	s.w = max(x+margin, least)
	s.h = margin + titleSpace + s.high + boxGap + float64(len(s.plan.Notes))*noteSpace + margin
}

func (s *sheet) head() {
	p := s.plan
	s.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-labelledby="title about" lang="en">`+"\n", s.w, s.h)
	s.printf("<title id=\"title\">%s</title>\n<desc id=\"about\">%s</desc>\n<style>%s</style>\n", escape(p.Title), escape(p.About), style())
	s.printf("<rect class=\"sheet\" width=\"%.0f\" height=\"%.0f\"/>\n", s.w, s.h)
	s.printf("<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", margin, margin+titleSize, escape(p.Title))
}

func (s *sheet) foot() {
	y := margin + titleSpace + s.high + boxGap + noteSpace/2
	for i, n := range s.plan.Notes {
		s.printf("<text class=\"note\" x=\"%d\" y=\"%.1f\">%s</text>\n", margin, y+float64(i*noteSpace), escape(n))
	}
	s.printf("</svg>\n")
}

// colours of lines: all arrows to one box have one, which has a contrast of 4.5 or more on white.
var colours = []string{"#1a5ca8", "#a3301f", "#1f6e2c", "#6b3fa0", "#845000", "#006a73", "#a01c68", "#4a4a4a", "#5a6400", "#3c49ad"}

func colour(l lane) string { return colours[l.to%len(colours)] }

// stroke is how the lines of a lane look.
func stroke(l lane) string {
	if l.back {
		return fmt.Sprintf(`class="back" stroke="%s"`, colour(l))
	}
	return fmt.Sprintf(`class="way" stroke="%s"`, colour(l))
}

// sides are where the lines of a net begin and end in a gap. Where it joins a box narrower than its layer it
// goes on to it.
func (s *sheet) sides(gap int) (left, right float64) { return s.x[gap] + s.wide[gap], s.x[gap+1] }

// gap draws the lines between two layers.
func (s *sheet) gap(gap int) {
	left, right := s.sides(gap)
	for _, n := range s.gaps[gap] {
		track := left + gapSides + float64(n.track)*trackGap
		type end struct {
			x, y float64
		}
		var ends []end
		for _, y := range n.left {
			ends = append(ends, end{s.reach(gap, n, y), y})
		}
		for _, y := range n.right {
			ends = append(ends, end{right, y})
		}
		slices.SortStableFunc(ends, func(a, b end) int {
			switch {
			case a.y < b.y:
				return -1
			case a.y > b.y:
				return 1
			}
			return 0
		})
		first, last := ends[0], ends[len(ends)-1]
		if last.y-first.y < 1 {
			s.printf("<path %s d=\"M%.1f %.1fH%.1f\"/>\n", stroke(n.lane), s.reach(gap, n, n.left[0]), first.y, right)
			continue
		}
		s.printf("<path %s d=\"M%.1f %.1f%s%s\"/>\n", stroke(n.lane), first.x, first.y, bend(first.x, track, first.y, last.y), unbend(track, last.x, first.y, last.y))
		for _, e := range ends[1 : len(ends)-1] {
			s.printf("<path %s d=\"M%.1f %.1fH%.1f\"/>", stroke(n.lane), e.x, e.y, track)
			s.printf("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.2\" fill=\"%s\"/>\n", track, e.y, colour(n.lane))
		}
	}
}

// reach is where a line of a net begins on its left: at the side of the layer, or of the narrower box there.
func (s *sheet) reach(gap int, n *net, y float64) float64 {
	for _, h := range s.hops[gap] {
		if h.lane == n.lane && h.left.y+h.leftPort == y && h.left.box != nil {
			return s.x[gap] + h.left.box.wide
		}
	}
	return s.x[gap] + s.wide[gap]
}

// bend goes from x to the track and turns towards the other height.
func bend(x, track, y, other float64) string {
	r := min(corner, (other-y)/2)
	if track >= x {
		return fmt.Sprintf("H%.1fQ%.1f %.1f %.1f %.1f", track-r, track, y, track, y+r)
	}
	return fmt.Sprintf("H%.1fQ%.1f %.1f %.1f %.1f", track+r, track, y, track, y+r)
}

// unbend comes down the track from a height and turns towards x.
func unbend(track, x, from, y float64) string {
	r := min(corner, (y-from)/2)
	side := r
	if x < track {
		side = -r
	}
	return fmt.Sprintf("V%.1fQ%.1f %.1f %.1f %.1fH%.1f", y-r, track, y, track+side, y, x)
}

// pass draws a lane through a layer that it passes.
func (s *sheet) pass(i int, one *slot) {
	y := one.y + laneHeight/2
	s.printf("<path %s d=\"M%.1f %.1fH%.1f\"/>\n", stroke(one.lane), s.x[i], y, s.x[i]+s.wide[i])
}

// heads draws the heads of the arrows that end in a gap.
func (s *sheet) heads(gap int) {
	_, right := s.sides(gap)
	for _, n := range s.gaps[gap] {
		for _, h := range s.hops[gap] {
			if h.lane != n.lane {
				continue
			}
			if end := h.right; !n.lane.back && end.box != nil {
				s.arrowhead(right, end.y+h.rightPort, -8, colour(n.lane))
				break
			}
			if end := h.left; n.lane.back && end.box != nil {
				s.arrowhead(s.x[gap]+end.box.wide, end.y+h.leftPort, 8, colour(n.lane))
				break
			}
		}
	}
}

func (s *sheet) arrowhead(x, y, back float64, fill string) {
	s.printf("<path fill=\"%s\" d=\"M%.1f %.1fl%.1f -4.5v9z\"/>\n", fill, x, y, back)
}

// box draws a node.
func (s *sheet) box(x float64, one *slot) {
	b := one.box
	looks := look(b.node.Kind)
	s.printf("<g transform=\"translate(%.1f %.1f)\"><title>%s</title>\n", x, one.y, escape(b.node.Name+": "+b.node.Kind))
	s.printf("<rect class=\"box\" width=\"%.0f\" height=\"%.1f\" rx=\"6\" stroke=\"%s\"/>", b.wide, b.high, looks.dark)
	s.printf("<path fill=\"%s\" d=\"M0 %dV6Q0 0 6 0H%.0fQ%.0f 0 %.0f 6V%dz\"/>", looks.light, headHeight, b.wide-6, b.wide, b.wide, headHeight)
	s.printf("<g transform=\"translate(6 5)\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" stroke-linecap=\"round\" stroke-linejoin=\"round\">%s</g>", looks.dark, looks.icon)
	room := b.wide - nameLeft - width(b.node.Kind, kindSize) - 2*padding
	s.printf("<text class=\"name\" x=\"%d\" y=\"18\">%s</text>", nameLeft, escape(cut(b.node.Name, nameSize*bold, room)))
	s.printf("<text class=\"kind\" x=\"%.0f\" y=\"17.5\" fill=\"%s\">%s</text>\n", b.wide-padding, looks.dark, escape(b.node.Kind))
	for _, r := range b.rows {
		s.row(b, r)
	}
	s.printf("</g>\n")
}

// row draws the lines of a row, with the whole of what is said for those who point at it.
func (s *sheet) row(b *box, r row) {
	s.printf("<g>")
	if r.words != nil {
		s.printf("<title>%s</title>", escape(whole(*r.words)))
	}
	y := r.y
	for _, l := range r.lines {
		base := y + lineHeight - 4
		x := float64(padding)
		switch {
		case l.looks == "exit":
			x += s.label(l.tag, y, s.paint(b, r.exit)) + 5
			if b.node.Exits[r.exit].To == b.node.Name {
				l.text += " (again)"
			}
		case l.looks == "said":
			s.printf("<text class=\"tag\" x=\"%.1f\" y=\"%.1f\">%s</text>", x, base, escape(l.tag))
			x += languageTab
		}
		s.printf("<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>", l.looks, x, base, escape(l.text))
		y += lineHeight
	}
	s.printf("</g>\n")
}

// paint is the colour of an exit's arrow.
func (s *sheet) paint(b *box, exit int) string {
	if to := s.find(b.node.Exits[exit].To); to >= 0 {
		return colour(lane{to: to})
	}
	return "#2b2b2b"
}

// label draws the key or the word by which an exit is taken, in the colour of its arrow, and says how wide it is.
func (s *sheet) label(text string, y float64, fill string) float64 {
	wide := max(14, width(text, 10)+8)
	s.printf("<rect fill=\"%s\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"13\" rx=\"3\"/>", fill, padding, y+0.5, wide)
	s.printf("<text class=\"pressed\" x=\"%.1f\" y=\"%.1f\">%s</text>", padding+wide/2, y+10.5, escape(text))
	return wide
}

// whole is all that a clip says.
func whole(w Words) string {
	lines := []string{w.Clip}
	for _, t := range w.Texts {
		lines = append(lines, t.Language+": "+t.Text)
	}
	return strings.Join(lines, "\n")
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// escape makes a text fit for XML, which knows no control signs.
func escape(text string) string {
	return escaper.Replace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == '\uFFFE' || r == '\uFFFF' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?")))
}

func style() string {
	return strings.Join([]string{
		"text{font-family:Arial,Helvetica,'Liberation Sans','DejaVu Sans',sans-serif;fill:#1b1b1b}",
		".sheet{fill:#fff}.box{fill:#fff;stroke-width:1.4}",
		".title{font-size:20px;font-weight:bold}.note{font-size:12px;fill:#3a3a3a}",
		".name{font-size:13.5px;font-weight:bold}.kind{font-size:10.5px;text-anchor:end}",
		".said,.about,.clip{font-size:12px}.about{fill:#3a3a3a;font-style:italic}.clip{font-family:monospace}",
		".tag{font-size:9.5px;fill:#5c5c5c}.exit{font-size:12px;font-weight:bold}",
		"text.pressed{font-size:10px;font-weight:bold;fill:#fff;text-anchor:middle}",
		".way,.back{fill:none;stroke-width:1.5}.back{stroke-dasharray:5 4}",
		"@page{size:A3 landscape;margin:8mm}",
	}, "")
}
