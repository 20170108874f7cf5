package bundle

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"hotline/call"
	"hotline/recording/picture"
)

//go:embed page.html
var pageText string

//go:embed page.js
var script string

//go:embed page.css
var styles string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// A view is what the page is made of.
type view struct {
	Language  string // at first
	T         map[string]string
	Words     map[string]map[string]string // by language
	Languages []language
	Policy    string
	Style     template.CSS
	Script    template.JS

	Request, Call, Line, Begun, Length, Made, Key string
	Sound, How                                    string
	Silenced                                      string // key of the words; empty: nothing

	Lanes  [2]lane
	Waves  [2]wave
	Ticks  []tick
	Kinds  []string
	Rows   []row
	Millis int64
}

type language struct{ Code, Name string }

type lane struct {
	Key  string
	Rows [][]bar
}

// A bar is a span in a lane, or a gap in a wave. Left and Wide are shares in percent.
type bar struct {
	Kind        string
	Left, Wide  template.CSS
	Title, Name string
	Alone       bool // its lane says what it is: the name is enough
}

type wave struct {
	Class, Path string
	Gaps        []bar
	Name        string // of who is to be heard; empty: Key
	Key         string
	Silent      bool // in this copy
}

type tick struct {
	Left template.CSS
	Text string
	End  bool
}

// A row is one of the table.
type row struct {
	From, To, Kind string
	Kinds          string // key of the kind's word
	Channel        string // key; empty: none to tell
	Detail         string // key of the words; empty: Text alone
	Text           string
	At             string // seconds
}

// page makes index.html.
func (b *binder) page() ([]byte, error) {
	p := b.c.Picture
	v := view{
		Language: languages[0], Words: map[string]map[string]string{}, Style: template.CSS(styles), Script: template.JS(script),
		Request: b.c.Request, Call: p.Call, Line: p.Line, Begun: when(p.Opened, p.Zone), Made: when(b.c.Made, p.Zone), Length: picture.Fine(p.Length), Key: b.k.ID(),
		Sound: b.sound, How: howFile, Millis: p.Length.Milliseconds(),
	}
	if slices.Contains(languages, p.Language) {
		v.Language = p.Language
	}
	sum := sha256.Sum256([]byte(script))
	v.Policy = "default-src 'none'; base-uri 'none'; form-action 'none'; media-src 'self' file:; style-src 'unsafe-inline'; script-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'"
	if b.c.Silence != Whole {
		v.Silenced = "silenced." + b.c.Silence
	}
	for i, l := range languages {
		v.Languages = append(v.Languages, language{l, names[l]})
		v.Words[l] = map[string]string{}
		for key, text := range words {
			if !strings.HasPrefix(key, "how.") {
				v.Words[l][key] = text[i]
			}
		}
	}
	v.T = v.Words[v.Language]
	d := drawer{p: p, t: v.T}
	for i, rows := range p.Lanes() {
		v.Lanes[i] = lane{Key: [2]string{"lane.happens", "lane.talks"}[i], Rows: d.rows(rows)}
	}
	v.Waves = [2]wave{d.wave("left", p.Peaks.Said), d.wave("right", p.Peaks.Heard)}
	v.Waves[0].Name, v.Waves[0].Key, v.Waves[0].Silent = p.Sides[0], "side.caller", b.c.Silence == Caller
	v.Waves[1].Name, v.Waves[1].Key, v.Waves[1].Silent = p.Sides[1], "side.heard", b.c.Silence == Operator
	for _, at := range picture.Ticks(p.Length, 8) {
		v.Ticks = append(v.Ticks, tick{d.share(at), picture.Clock(at), p.Length > 0 && at > p.Length*19/20})
	}
	for _, k := range picture.Kinds {
		v.Kinds = append(v.Kinds, string(k))
	}
	v.Rows = d.table()
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, v); err != nil {
		return nil, fmt.Errorf("the page: %w", err)
	}
	return out.Bytes(), nil
}

func when(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "?"
	}
	return picture.When(t, zone)
}

// A drawer gives what is in a picture its place on the page.
type drawer struct {
	p picture.Picture
	t map[string]string
}

func (d drawer) share(at time.Duration) template.CSS {
	if d.p.Length <= 0 {
		return "0"
	}
	return template.CSS(fmt.Sprintf("%.3f", 100*float64(at)/float64(d.p.Length)))
}

func (d drawer) bar(s picture.Span) bar {
	name := ""
	if s.Kind == picture.Wait || s.Kind == picture.Talk {
		name = s.Text
	}
	return bar{
		Kind: string(s.Kind), Name: name, Alone: s.Kind == picture.Talk && name != "", Left: d.share(s.From), Wide: d.share(s.To - s.From),
		Title: picture.Fine(s.From) + " – " + picture.Fine(s.To),
	}
}

func (d drawer) rows(rows [][]picture.Span) (list [][]bar) {
	for _, row := range rows {
		var bars []bar
		for _, s := range row {
			bars = append(bars, d.bar(s))
		}
		list = append(list, bars)
	}
	return list
}

// Of the box in which hills are drawn; it is stretched to the page.
const hillsWide, hillsHigh = 1000, 100

func (d drawer) wave(channel string, cells []byte) wave {
	w := wave{Class: channel, Path: picture.Path(picture.Hills(cells, hillsWide/2), d.p.End(cells), 0, 0, hillsWide, hillsHigh)}
	for _, s := range d.p.Gaps(channel) {
		w.Gaps = append(w.Gaps, d.bar(s))
	}
	return w
}

// table tells all spans and marks, by their beginning.
func (d drawer) table() (list []row) {
	marks := d.p.Marks
	for _, s := range d.p.Spans {
		for len(marks) > 0 && marks[0].At < s.From {
			list, marks = append(list, d.moment(marks[0])), marks[1:]
		}
		list = append(list, d.stretch(s))
	}
	for _, m := range marks {
		list = append(list, d.moment(m))
	}
	return list
}

func (d drawer) stretch(s picture.Span) row {
	r := row{
		From: picture.Fine(s.From), To: picture.Fine(s.To), Kind: string(s.Kind), Kinds: "kind." + string(s.Kind), At: seconds(s.From), Text: s.Text,
	}
	key := "" // of the words
	switch s.Kind {
	case picture.Gap:
		r.Channel = map[string]string{"left": "side.caller", "right": "side.heard", "": "both"}[s.Channel]
		key = s.Code
	case picture.Hold:
		switch s.Code {
		case "":
		case string(call.RoleCaller):
			key = "by.caller"
		default:
			key = "by.operator"
		}
	}
	if d.t[key] != "" {
		r.Detail, r.Text = key, ""
	}
	return r
}

func (d drawer) moment(m picture.Mark) row {
	r := row{From: picture.Fine(m.At), Kind: "mark", Kinds: "kind.mark", At: seconds(m.At), Text: m.Text}
	if key := "mark." + m.Code; d.t[key] != "" {
		r.Detail, r.Text = key, ""
	}
	return r
}

func seconds(at time.Duration) string { return fmt.Sprintf("%.3f", at.Seconds()) }
