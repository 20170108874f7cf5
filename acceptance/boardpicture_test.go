//go:build acceptance

package acceptance

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// A drawing is a panel with what its queries gave. It is drawn after the board's own places, units
// and colours, so that a person can look at it where there is no Grafana.
type drawing struct {
	boardPanel
	lines []boardLine
}

// The picture's measures, in pixels.
const (
	column, unitHigh = 58, 34
	margin           = 8
)

var palette = []string{"#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#96d98d", "#ffb357"}

var named = map[string]string{"green": "#37872d", "yellow": "#c9a300", "red": "#c4162a", "transparent": "none"}

// drawBoard draws the whole board as SVG.
func drawBoard(all []drawing, from, to time.Time) string {
	var b strings.Builder
	bottom := 0
	for _, d := range all {
		bottom = max(bottom, d.GridPos.Y+d.GridPos.H)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="DejaVu Sans, sans-serif" font-size="12"><rect width="100%%" height="100%%" fill="#111217"/>`+"\n",
		24*column, bottom*unitHigh)
	for _, d := range all {
		x, y := d.GridPos.X*column, d.GridPos.Y*unitHigh
		w, h := d.GridPos.W*column-margin, d.GridPos.H*unitHigh-margin
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`, x+margin/2, y+margin/2)
		if d.Type != "row" {
			fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#181b1f" stroke="#2c3235"/>`, w, h)
		}
		fmt.Fprintf(&b, `<text x="8" y="17" fill="#ccccdc" font-weight="bold">%s</text>`, html.EscapeString(d.Title))
		switch d.Type {
		case "stat":
			d.figure(&b, w, h)
		case "timeseries":
			d.curves(&b, w, h, from, to)
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// figure is the last value, on the colour of its threshold.
func (d drawing) figure(b *strings.Builder, w, h int) {
	text, colour := "no data", "#444"
	for _, l := range d.lines {
		if last := l.values[len(l.values)-1].v; !math.IsNaN(last) {
			text = d.written(last)
			for _, s := range d.FieldConfig.Defaults.Thresholds.Steps {
				if s.Value == nil || last >= *s.Value {
					colour = named[s.Color]
				}
			}
		}
	}
	fmt.Fprintf(b, `<rect x="1" y="26" width="%d" height="%d" fill="%s"/><text x="%d" y="%d" fill="#fff" font-size="34" text-anchor="middle">%s</text>`,
		w-2, h-27, colour, w/2, h/2+24, text)
}

// written is a value in the panel's unit.
func (d drawing) written(v float64) string {
	switch d.FieldConfig.Defaults.Unit {
	case "percentunit":
		return fmt.Sprintf("%.0f %%", 100*v)
	case "s":
		d := time.Duration(v * float64(time.Second))
		if d > time.Second {
			return d.Round(100 * time.Millisecond).String()
		}
		return d.Round(10 * time.Microsecond).String()
	}
	return fmt.Sprintf("%.3g", v)
}

// curves are the values over time, stacked where the panel says so.
func (d drawing) curves(b *strings.Builder, w, h int, from, to time.Time) {
	const left, top, foot = 52, 28, 44
	stacked := d.FieldConfig.Defaults.Custom.Stacking.Mode == "normal"
	sums := map[int64]float64{}
	low, high := 0.0, 0.0
	heights := make([][]float64, len(d.lines))
	for i, l := range d.lines {
		for _, v := range l.values {
			n := v.v
			if stacked && !math.IsNaN(n) {
				sums[v.at.Unix()] += n
				n = sums[v.at.Unix()]
			}
			heights[i] = append(heights[i], n)
			if !math.IsNaN(n) {
				low, high = min(low, n), max(high, n)
			}
		}
	}
	if m := d.FieldConfig.Defaults.Max; m != nil {
		high = *m
	}
	if high == low {
		high = low + 1
	}
	xOf := func(at time.Time) float64 {
		return left + float64(w-left-10)*float64(at.Sub(from))/float64(to.Sub(from))
	}
	yOf := func(v float64) float64 { return top + float64(h-top-foot)*(1-(v-low)/(high-low)) }
	for _, v := range []float64{low, (low + high) / 2, high} {
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#2c3235"/><text x="%d" y="%.1f" fill="#888" font-size="10" text-anchor="end">%s</text>`,
			left, w-10, yOf(v), yOf(v), left-5, yOf(v)+4, d.written(v))
	}
	for _, s := range d.FieldConfig.Defaults.Thresholds.Steps {
		if s.Value != nil && *s.Value < high && named[s.Color] != "none" {
			fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="%s" stroke-dasharray="4 3"/>`, left, w-10, yOf(*s.Value), yOf(*s.Value), named[s.Color])
		}
	}
	// What is stacked is drawn from the top, each down to the bottom, over the one above it.
	for i := len(d.lines) - 1; i >= 0; i-- {
		colour, fill := palette[i%len(palette)], "none"
		var path strings.Builder
		pen := "M"
		for k, v := range d.lines[i].values {
			if math.IsNaN(heights[i][k]) || math.IsInf(heights[i][k], 0) {
				pen = "M"
				continue
			}
			fmt.Fprintf(&path, "%s%.0f %.1f", pen, xOf(v.at), yOf(heights[i][k]))
			pen = "L"
		}
		if v := d.lines[i].values; stacked && pen == "L" {
			fmt.Fprintf(&path, "L%.0f %.1fL%.0f %.1f", xOf(v[len(v)-1].at), yOf(0), xOf(v[0].at), yOf(0))
			fill = colour
		}
		fmt.Fprintf(b, `<path d="%s" fill="%s" stroke="%s" stroke-width="1.5"/>`, path.String(), fill, colour)
	}
	x := left
	for i, l := range d.lines {
		colour, name := palette[i%len(palette)], l.name
		if x+7*len(name) < w-20 {
			fmt.Fprintf(b, `<rect x="%d" y="%d" width="10" height="4" fill="%s"/><text x="%d" y="%d" fill="#ccccdc" font-size="10">%s</text>`,
				x, h-15, colour, x+14, h-10, html.EscapeString(name))
			x += 26 + 6*len(name)
		}
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#888" font-size="10">%s</text><text x="%d" y="%d" fill="#888" font-size="10" text-anchor="end">%s</text>`,
		left, h-28, from.UTC().Format("15:04:05"), w-10, h-28, to.UTC().Format("15:04:05"))
}
