package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"hotline/call"
	"hotline/recording"
)

var update = flag.Bool("update", false, "write the golden files and the picture of the documentation anew")

var (
	baku   = time.FixedZone("Asia/Baku", 4*3600)
	opened = time.Date(2026, 11, 25, 15, 19, 18, 0, time.FixedZone("", 4*3600))
)

func at(seconds float64) time.Time {
	return opened.Add(time.Duration(seconds * float64(time.Second)))
}

// voice makes peaks that look like somebody who speaks from, to, from, to, ... in seconds.
func voice(r *rand.Rand, cells int, loud float64, spans ...float64) []byte {
	out := make([]byte, cells)
	for i := 0; i+1 < len(spans); i += 2 {
		for c := int(spans[i] * 10); c < int(spans[i+1]*10) && c < cells; c++ {
			phrase := 0.5 + 0.5*math.Sin(float64(c)/7)
			out[c] = byte(min(255, loud*(0.15+0.85*phrase)*(0.4+0.6*r.Float64())))
		}
	}
	return out
}

// aCall is one with everything: notice, two waits, a hold, a pause, a secret, a transfer.
func aCall() (recording.Seen, []call.Event) {
	r := rand.New(rand.NewPCG(7, 7))
	const cells = 2434
	gap := func(ch call.Channel, from, to float64, reason string) recording.Gap {
		return recording.Gap{Channel: ch, From: at(from), To: at(to), Reason: reason}
	}
	paused := func(ch call.Channel) recording.Gap {
		g := gap(ch, 160, 172, "paused")
		g.Why = "a card number"
		return g
	}
	s := recording.Seen{
		Call: "01a2134a-2f24-7437-a1a9-e10250523105", Line: "919", Language: "az", State: recording.StateSealed,
		Opened: opened, Ended: at(243.4), Samples: cells * 800,
		Notice: &call.Notice{Key: "notice.recording", Language: "az", Languages: []call.Language{"az", "en", "ru"}, From: at(2), To: at(14)},
		Gaps: []recording.Gap{
			gap(call.Said, 0, 45, "before_notice"), gap(call.Said, 120, 138, "hold"), paused(call.Said), paused(call.Heard),
			gap(call.Said, 196, 204, "waiting"), gap(call.Heard, 90, 96, "secret"),
		},
		Parties: []recording.Party{
			{Channel: "left", Role: "caller", From: at(45), To: at(243.4)}, {Channel: "right", Role: "operator", Name: "aysel", From: at(45), To: at(196)},
			{Channel: "right", Role: "operator", Name: "murad", From: at(204), To: at(243.4)},
		},
		Peaks: recording.Peaks{
			Said:  voice(r, cells, 120, 46, 58, 70, 88, 98, 118, 139, 150, 173, 190, 206, 225, 232, 241),
			Heard: voice(r, cells, 90, 0, 30, 30.5, 44, 57, 71, 87, 90, 96, 100, 120, 139, 149, 160, 172, 175, 189, 206, 224, 233, 240, 243),
		},
	}
	event := func(seconds float64, name string, data ...string) call.Event {
		e := call.Event{At: at(seconds), Name: name, Data: map[string]string{}}
		for i := 0; i+1 < len(data); i += 2 {
			e.Data[data[i]] = data[i+1]
		}
		return e
	}
	return s, []call.Event{
		event(-0.2, "call.arrived"), event(0, "call.answered", "by", "menu"),
		event(20, "call.queued", "queue", "general", "position", "3"), event(38, "call.offered", "operator", "aysel"),
		event(44.9, "call.connected", "operator", "aysel"), event(45, "call.answered", "by", "operator", "operator", "aysel"),
		event(120, "call.held", "held", "yes", "by", "operator"), event(138, "call.held", "held", "no", "by", "operator"),
		event(196, "call.transferring", "from", "aysel", "to", "migration", "kind", "blind", "to_kind", "queue"),
		event(196.2, "call.queued", "queue", "migration", "position", "1"), event(204, "call.transferred", "from", "aysel", "to", "murad", "outcome", "answered"),
		event(204, "call.answered", "by", "operator", "operator", "murad"), event(243.4, "call.ended", "outcome", "completed"),
	}
}

func theCall() Picture {
	s, events := aCall()
	return Of(s, events, baku)
}

// What was in the manifest and the journal stands in the picture, at its time.
func TestACallsStoryIsTold(t *testing.T) {
	p := theCall()
	var got []string
	for _, s := range p.Spans {
		got = append(got, s.title())
	}
	for _, m := range p.Marks {
		got = append(got, Clock(m.At)+" "+m.Text)
	}
	want := []string{
		"0:00 to 0:45: gap (left), before the notice was over", "0:02 to 0:14: notice, az, en, ru", "0:20 to 0:45: wait, general",
		"0:45 to 3:16: talk, aysel", "1:30 to 1:36: gap (right), a secret is read back", "2:00 to 2:18: hold, by the operator", "2:00 to 2:18: gap (left), on hold",
		"2:40 to 2:52: gap, the recording is paused", "2:40 to 2:52: pause, a card number", "3:16 to 3:24: gap (left), nobody is joined", "3:16 to 3:24: wait, migration", "3:24 to 4:03: talk, murad",
		"3:16 aysel transfers to migration", "3:24 transfer to murad: answered",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the picture tells\n%s\nand should\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Without a journal the manifest's gaps tell of waits and holds; a call that nobody answered has an open end.
func TestWithoutAJournal(t *testing.T) {
	s, _ := aCall()
	kinds := map[Kind]int{}
	for _, span := range Of(s, nil, nil).Spans {
		kinds[span.Kind]++
	}
	if kinds[Hold] != 1 || kinds[Wait] != 1 || kinds[Pause] != 1 || kinds[Notice] != 1 || kinds[Talk] != 2 || kinds[Gap] != 5 {
		t.Errorf("found %v", kinds)
	}
	open := Of(recording.Seen{Opened: opened, Samples: 80000}, []call.Event{{At: at(3), Name: "call.queued", Data: map[string]string{"queue": "tax"}}}, nil)
	if len(open.Spans) != 1 || open.Spans[0].From != 3*time.Second || open.Spans[0].To != 10*time.Second {
		t.Errorf("a caller who still waits: %+v", open.Spans)
	}
	own := Of(recording.Seen{Opened: opened, Samples: 80000, Parties: []recording.Party{{Channel: "left", Role: "operator", Name: "leyla"}, {Channel: "right", Role: "third"}}}, nil, nil)
	if above, below := own.sides(); above != "operator leyla" || below != "what the operator hears" || own.Spans[0].Text != "third" {
		t.Errorf("an operator's own call: %s over %s, %+v", above, below, own.Spans)
	}
}

// golden compares with a file, which -update writes.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what is drawn now: go test ./recording/picture -update", path)
	}
}

// The picture in the documentation, and what a terminal shows of the same call.
func TestThePictureOfTheDocumentationIsOfToday(t *testing.T) {
	golden(t, "../../docs/pictures/recording.svg", SVG(theCall()))
	golden(t, "testdata/call.txt", []byte(Text(theCall(), Terminal{Width: 100})))
	golden(t, "testdata/ascii.txt", []byte(Text(theCall(), Terminal{Width: 60, ASCII: true})))
}

var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// No line is longer than the terminal; without colours there is no escape, with them the same words; names that
// others have chosen do not steer the terminal.
func TestATerminalIsFilledAndNotMore(t *testing.T) {
	for seed := range uint64(40) {
		p := random(rand.New(rand.NewPCG(seed, 1)))
		for _, width := range []int{40, 80, 133, 300} {
			plain := Text(p, Terminal{Width: width})
			for l := range strings.Lines(plain) {
				if drawn := strings.Contains(l, "▁") || strings.Contains(l, "─"); drawn && utf8.RuneCountInString(strings.TrimRight(l, "\n")) > width {
					t.Fatalf("seed %d: %d columns of %d: %q", seed, utf8.RuneCountInString(l), width, l)
				}
			}
			if strings.ContainsAny(plain, "\x1b\x07\r") {
				t.Fatalf("seed %d: something steers the terminal", seed)
			}
			if coloured := Text(p, Terminal{Width: width, Colour: true}); colour.ReplaceAllString(coloured, "") != plain {
				t.Fatalf("seed %d: colours change the words", seed)
			}
			for _, r := range Text(p, Terminal{Width: width, ASCII: true, Colour: true}) {
				if r > '~' && !strings.ContainsRune("əş ", r) { // names are what they are
					t.Fatalf("seed %d: %q in ASCII", seed, r)
				}
			}
		}
	}
}

// A sound is drawn where it was, at its loudness.
func TestHillsStandWhereTheSoundWas(t *testing.T) {
	cells := make([]byte, 1000)
	cells[500], cells[999] = 255, 64
	hills := Hills(cells, 100)
	for i, h := range hills {
		if want := map[int]float64{50: 1, 99: 0.5}[i]; math.Abs(h-want) > 0.01 {
			t.Errorf("column %d is %.2f high, not %.2f", i, h, want)
		}
	}
	if len(Hills(cells, 5000)) != 1000 || Hills(nil, 10) != nil || Hills(cells, 0) != nil {
		t.Error("there are more columns than cells, or some of none")
	}
}

// A cell is 100 ms wherever the sound ends: of 250 ms, the third ends at the end and begins at 200.
func TestHillsKeepTheirTime(t *testing.T) {
	p := Picture{Length: 250 * time.Millisecond}
	cells := []byte{255, 0, 255}
	if got, want := Path(Hills(cells, 100), p.End(cells), 0, 0, 250, 10), "M0.0 5.0V0.0H100.0V4.6H200.0V0.0H250.0V10.0H200.0V5.4H100.0V10.0H0.0Z"; got != want {
		t.Errorf("drawn as %s, not %s", got, want)
	}
}

// random makes any picture.
func random(r *rand.Rand) Picture {
	p := Picture{
		Call: "c<&>\x1b[2J", Line: "9\x0719", Language: "az", State: "sealed", Opened: opened, Length: time.Duration(r.Int64N(int64(3 * time.Hour))),
	}
	if r.IntN(8) == 0 {
		p.Length = 0
	}
	for range p.Length / (100 * time.Millisecond) {
		p.Peaks.Said, p.Peaks.Heard = append(p.Peaks.Said, byte(r.Uint32())), append(p.Peaks.Heard, byte(r.Uint32N(90)))
	}
	for range r.IntN(30) {
		if p.Length < 2 {
			break
		}
		from := time.Duration(r.Int64N(int64(p.Length)))
		p.Spans = append(p.Spans, Span{
			Kind: Kinds[r.IntN(len(Kinds))], Channel: []string{"", "left", "right"}[r.IntN(3)], From: from,
			To: from + 1 + time.Duration(r.Int64N(int64(p.Length-from))), Text: strings.Repeat("ə<ş \x1b[31m", r.IntN(5)),
		})
		p.Marks = append(p.Marks, Mark{At: from, Text: "a \"mark\" & more"})
	}
	return p
}

// A picture is XML that any reader takes, asks for nothing from elsewhere, runs nothing, says all in words, and
// comes out the same.
func TestAPictureIsWhole(t *testing.T) {
	for seed := range uint64(20) {
		p := random(rand.New(rand.NewPCG(seed, 2)))
		svg := SVG(p)
		if !bytes.Equal(svg, SVG(p)) {
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
				if n := e.Name.Local; n == "script" || n == "image" || n == "foreignObject" {
					t.Errorf("seed %d: %s", seed, n)
				}
				for _, a := range e.Attr {
					if a.Name.Local == "href" || strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
						t.Errorf("seed %d: %s has %s=%s", seed, e.Name.Local, a.Name.Local, a.Value)
					}
				}
			}
		}
		s := string(svg)
		if strings.Contains(s, "@import") || strings.Contains(strings.ReplaceAll(s, "url(#", ""), "url(") || !strings.Contains(s, `role="img"`) || !strings.Contains(s, "<desc") {
			t.Errorf("seed %d: not by itself, or without words for those who do not see it", seed)
		}
		if got := strings.Count(s, `class="when"`); got != len(p.Spans)+len(p.Marks) {
			t.Errorf("seed %d: %d of %d are told in words", seed, got, len(p.Spans)+len(p.Marks))
		}
	}
}

// Spans that overlap do not lie on each other.
func TestSpansStandBelowEachOther(t *testing.T) {
	for seed := range uint64(30) {
		p := random(rand.New(rand.NewPCG(seed, 3)))
		count := 0
		for _, lane := range p.Lanes() {
			for _, row := range lane {
				for i := range row {
					if count++; i > 0 && row[i].From < row[i-1].To {
						t.Fatalf("seed %d: %v lies on %v", seed, row[i], row[i-1])
					}
				}
			}
		}
		for _, s := range p.Spans {
			if s.Kind == Gap {
				count++
			}
		}
		if count != len(p.Spans) {
			t.Fatalf("seed %d: %d of %d are drawn", seed, count, len(p.Spans))
		}
	}
}

// The colours of both themes can be told from what is behind them (WCAG 2.2 §1.4.3: 4.5 for words, §1.4.11: 3 for
// edges and hills).
func TestColoursCanBeRead(t *testing.T) {
	for name, th := range map[string]theme{"light": light, "dark": dark} {
		need := func(what, ink, ground string, least float64) {
			if c := contrast(t, ink, ground); c < least {
				t.Errorf("%s: %s, %s on %s, has a contrast of %.2f", name, what, ink, ground, c)
			}
		}
		need("text", th.text, th.sheet, 4.5)
		need("notes", th.note, th.sheet, 4.5)
		need("rules", th.rule, th.sheet, 3)
		for _, ground := range []string{th.back, th.kinds[Gap].fill} {
			need("the caller", th.said, ground, 3)
			need("what is heard", th.heard, ground, 3)
		}
		for _, k := range Kinds {
			need("words of "+string(k), th.text, th.kinds[k].fill, 4.5)
			need("edge of "+string(k), th.kinds[k].ink, th.sheet, 3)
			need("pattern of "+string(k), th.kinds[k].ink, th.kinds[k].fill, 3)
		}
	}
	seen := map[string]bool{}
	for _, k := range Kinds {
		if words[k] == "" || patterns[k] == "" || seen[patterns[k]] {
			t.Errorf("%s has no words or no pattern of its own", k)
		}
		seen[patterns[k]] = true
	}
}

// contrast is that of two colours (WCAG 2.2, relative luminance).
func contrast(t *testing.T, a, b string) float64 {
	light := func(hex string) float64 {
		var rgb [3]uint8
		if _, err := fmt.Sscanf(hex, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
			t.Fatalf("%s: %v", hex, err)
		}
		sum := 0.0
		for i, c := range rgb {
			v := float64(c) / 255
			if v <= 0.04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+0.055)/1.055, 2.4)
			}
			sum += []float64{0.2126, 0.7152, 0.0722}[i] * v
		}
		return sum
	}
	x, y := light(a)+0.05, light(b)+0.05
	return max(x, y) / min(x, y)
}

func TestTicksFit(t *testing.T) {
	for _, c := range []struct {
		length time.Duration
		most   int
		last   string
	}{{0, 10, "0:00"}, {9 * time.Second, 10, "0:09"}, {243 * time.Second, 16, "4:00"}, {25 * time.Hour, 12, "24:00:00"}} {
		at := Ticks(c.length, c.most)
		if len(at) > c.most || Clock(at[len(at)-1]) != c.last {
			t.Errorf("%s: %d ticks to %s", c.length, len(at), Clock(at[len(at)-1]))
		}
	}
}
