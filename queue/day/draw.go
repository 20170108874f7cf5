package day

import (
	"fmt"
	"strings"
	"time"
)

// What a picture of a day is made of, in SVG units.
const (
	drawWidth, drawHeight = 960, 420
	drawLeft, drawBottom  = 60, 340
	drawTop               = 60
)

// Draw makes an SVG of a day: bars for the calls of each half-hour, answered below and given up on
// top, a line for the service level, and one for the operators at work. What colours say is written
// beside them, too.
func Draw(r *Result) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" role="img" aria-labelledby="t d">`+"\n", drawWidth, drawHeight)
	fmt.Fprintf(&b, `<title id="t">A day of %d calls</title><desc id="d">%d answered, %d gave up, service level %.0f %% within %s, longest wait %s</desc>`+"\n",
		r.Total.Offered, r.Total.Answered, r.Total.Abandoned, 100*r.Total.Level(), r.Target, r.Total.Longest.Round(time.Second))
	b.WriteString(`<rect width="100%" height="100%" fill="#ffffff"/>` + "\n")
	most, people := 1, 1.0
	for _, i := range r.Intervals {
		most, people = max(most, i.Offered), max(people, i.Operators())
	}
	n := max(1, len(r.Intervals))
	step := float64(drawWidth-2*drawLeft) / float64(n)
	high := func(share float64) float64 { return float64(drawBottom) - share*float64(drawBottom-drawTop) }
	for _, share := range []float64{0, 0.25, 0.5, 0.75, 1} {
		y := high(share)
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#d0d4da"/><text x="%d" y="%.1f" text-anchor="end" fill="#1f2933">%.0f</text><text x="%d" y="%.1f" fill="#7a3e00">%.0f %%</text>`+"\n",
			drawLeft, drawWidth-drawLeft, y, y, drawLeft-8, y+4, share*float64(most), drawWidth-drawLeft+8, y+4, 100*share)
	}
	var level, staff []string
	for k, i := range r.Intervals {
		x := float64(drawLeft) + (float64(k)+0.15)*step
		answered, all := float64(i.Answered)/float64(most), float64(i.Answered+i.Abandoned)/float64(most)
		bar := func(from, to float64, fill string) {
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, high(to), 0.7*step, high(from)-high(to), fill)
		}
		bar(0, answered, "#2f6f9f")
		bar(answered, all, "#c0392b")
		middle := x + 0.35*step
		if i.Offered > 0 {
			level = append(level, fmt.Sprintf("%.1f,%.1f", middle, high(i.Level())))
		}
		staff = append(staff, fmt.Sprintf("%.1f,%.1f", middle, high(i.Operators()/people)))
		if k%2 == 0 {
			fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#1f2933">%02d:%02d</text>`+"\n", middle, drawBottom+18, int(i.From.Hours()), int(i.From.Minutes())%60)
		}
	}
	fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="#7a3e00" stroke-width="2.5"/>`+"\n", strings.Join(level, " "))
	fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="#2d7d46" stroke-width="2" stroke-dasharray="6 4"/>`+"\n", strings.Join(staff, " "))
	legend := []struct{ fill, text string }{
		{"#2f6f9f", "answered"}, {"#c0392b", "gave up"}, {"#7a3e00", "service level (line, right)"},
		{"#2d7d46", fmt.Sprintf("operators at work (dashes, at most %.0f)", people)},
	}
	x := drawLeft
	for _, l := range legend {
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="12" height="12" fill="%s"/><text x="%d" y="%d" fill="#1f2933">%s</text>`+"\n", x, drawHeight-42, l.fill, x+18, drawHeight-31, l.text)
		x += 40 + 8*len(l.text)
	}
	fmt.Fprintf(&b, `<text x="%d" y="30" font-size="17" fill="#1f2933">%d calls: %d answered, %d gave up; %.0f %% within %s; longest wait %s; operators busy %.0f %%</text>`+"\n",
		drawLeft, r.Total.Offered, r.Total.Answered, r.Total.Abandoned, 100*r.Total.Level(), r.Target, r.Total.Longest.Round(time.Second), 100*r.Total.Occupancy())
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
