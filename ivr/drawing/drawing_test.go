package drawing

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// random makes a plan with some nodes that lead anywhere.
func random(r *rand.Rand) Plan {
	kinds := []string{"say", "choose", "queue", "message", "hours", KindEnd, "no kind", KindLine}
	p := Plan{Title: "Anything <&>", About: "“quoted” \x00 \"text\""}
	n := 1 + r.IntN(20)
	for i := range n {
		node := Node{Name: fmt.Sprintf("m%d", i), Kind: kinds[r.IntN(len(kinds))], About: []string{"about this & that"}}
		for range r.IntN(4) {
			node.Said = append(node.Said, Words{Clip: "own.clip", Texts: []Text{{"az", strings.Repeat("şəkər ", r.IntN(90))}, {"ru", "Здравствуйте."}}}, Words{Clip: "own.silent"})
		}
		for k := range r.IntN(6) {
			node.Exits = append(node.Exits, Exit{Label: fmt.Sprint(k + 1), To: fmt.Sprintf("m%d", r.IntN(n+1))})
		}
		p.Nodes = append(p.Nodes, node)
	}
	return p
}

// Nothing lies on anything else: no box on a box, no line under a box.
func TestNothingLiesOnABox(t *testing.T) {
	for seed := range uint64(60) {
		d := newDrawing(random(rand.New(rand.NewPCG(seed, 1))), measure{300, 2})
		d.arrange()
		boxes := 0
		for _, layer := range d.layers {
			for k, s := range layer {
				if s.box != nil {
					boxes++
				}
				if k > 0 && s.y < layer[k-1].y+layer[k-1].high+1 {
					t.Fatalf("seed %d: at %.1f something lies on what ends at %.1f", seed, s.y, layer[k-1].y+layer[k-1].high)
				}
			}
		}
		if boxes != len(d.boxes) {
			t.Fatalf("seed %d: %d of %d boxes are drawn", seed, boxes, len(d.boxes))
		}
		for i, n := range d.plan.Nodes { // every arrow arrives
			for _, e := range n.Exits {
				if to := d.find(e.To); to >= 0 && to != i && !d.joined(i, to) {
					t.Fatalf("seed %d: no line from %s to %s", seed, n.Name, e.To)
				}
			}
		}
		s := &sheet{drawing: d}
		s.columns()
		for gap, nets := range s.gaps { // lines side by side stay between the boxes
			left, right := s.sides(gap)
			for _, n := range nets {
				if x := left + gapSides + float64(n.track)*trackGap; x <= left || x >= right {
					t.Fatalf("seed %d: a line at %.1f is not between %.1f and %.1f", seed, x, left, right)
				}
			}
		}
	}
}

// joined reports whether a lane leads from one box to the other.
func (d *drawing) joined(from, to int) bool {
	back := d.layer[to] <= d.layer[from]
	l := lane{to, back}
	at := map[*slot]bool{}
	for _, layer := range d.layers {
		for _, s := range layer {
			if s.box == d.boxes[from] {
				at[s] = true
			}
		}
	}
	for range d.layers {
		for _, hops := range d.hops {
			for _, h := range hops {
				if a, b := h.left, h.right; h.lane == l {
					if back {
						a, b = b, a
					}
					at[b] = at[b] || at[a]
				}
			}
		}
	}
	for s := range at {
		if at[s] && s.box == d.boxes[to] {
			return true
		}
	}
	return false
}

// A picture is XML that any reader takes, asks for nothing from elsewhere, runs nothing, and comes out the same.
func TestAPictureIsWhole(t *testing.T) {
	for seed := range uint64(6) {
		plan := random(rand.New(rand.NewPCG(seed, 2)))
		svg := SVG(plan)
		if !bytes.Equal(svg, SVG(plan)) {
			t.Fatalf("seed %d: drawn twice, two pictures", seed)
		}
		d := xml.NewDecoder(bytes.NewReader(svg))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if e, ok := token.(xml.StartElement); ok {
				if e.Name.Local == "script" || e.Name.Local == "image" {
					t.Errorf("seed %d: %s", seed, e.Name.Local)
				}
				for _, a := range e.Attr {
					if a.Name.Local == "href" || strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
						t.Errorf("seed %d: %s has %s=%s", seed, e.Name.Local, a.Name.Local, a.Value)
					}
				}
			}
		}
		if s := string(svg); strings.Contains(s, "url(") || strings.Contains(s, "@import") || !strings.Contains(s, `role="img"`) || !strings.Contains(s, "<desc") {
			t.Errorf("seed %d: not by itself, or without words for those who do not see it", seed)
		}
	}
	if s := string(SVG(Plan{Title: "Nothing"})); !strings.Contains(s, "Nothing") {
		t.Error("a plan of nothing is not drawn")
	}
}

// Dark on light has at least the contrast that people with weak eyes need (WCAG 2.1 §1.4.3: 4.5).
func TestColoursCanBeRead(t *testing.T) {
	const white, least = "#ffffff", 4.5
	pairs := map[[2]string]string{{"#1b1b1b", white}: "text", {"#3a3a3a", white}: "notes", {"#5c5c5c", white}: "languages"}
	for _, c := range colours {
		pairs[[2]string{c, white}] = "lines"
	}
	for kind, l := range allLooks {
		pairs[[2]string{l.dark, l.light}] = kind
		pairs[[2]string{"#1b1b1b", l.light}] = kind
	}
	for p, what := range pairs {
		if c := contrast(t, p[0], p[1]); c < least {
			t.Errorf("%s: %s on %s has a contrast of %.1f", what, p[0], p[1], c)
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	light := func(hex string) float64 {
		var r, g, b uint8
		if _, err := fmt.Sscanf(hex, "#%02x%02x%02x", &r, &g, &b); err != nil {
			t.Fatalf("%s: %v", hex, err)
		}
		sum := 0.0
		for i, c := range []uint8{r, g, b} {
			v := float64(c) / 255
			sum += []float64{0.2126, 0.7152, 0.0722}[i] * v * v * (0.6 + 0.4*v) // within 0.02 of the exact curve
		}
		return sum
	}
	x, y := light(a)+0.05, light(b)+0.05
	return max(x, y) / min(x, y)
}

func TestLongTextsAreWrappedAndCutOff(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want []string
	}{
		{"", 2, nil},
		{"one two", 2, []string{"one two"}},
		{"one two three four five six", 2, []string{"one two three", "four five six"}},
		{"one two three four five six seven", 2, []string{"one two three", "four five six…"}},
		{"Donaudampfschifffahrtsgesellschaft", 2, []string{"Donaudamp…"}},
	} {
		if got := wrap(c.text, 12, 90, c.most); strings.Join(got, "|") != strings.Join(c.want, "|") {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}
