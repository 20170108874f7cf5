package app

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/configs"
	"hotline/ivr/drawing"
	"hotline/prompts"
)

// A Picture says what DrawMenus is to draw.
type Picture struct {
	Line      string   // a number, in any spelling that the file has; empty: all lines
	Languages []string // whose words are shown; empty: those of the file
}

// ErrNotSpoken says that there are no words in a language.
var ErrNotSpoken = errors.New("there are no prompts in this language")

// ErrNoMenus says that a file has no menus to draw.
var ErrNoMenus = errors.New("the file has no menus")

// DrawMenus draws the menus of a file as one SVG: where callers of each line come, what they hear, which key
// leads where. The same file and clips give the same bytes.
func DrawMenus(f *configs.File, p Picture) ([]byte, error) {
	plan, err := planOf(f, p)
	if err != nil {
		return nil, err
	}
	return drawing.SVG(plan), nil
}

// A MenuRow is what MenuList tells of a menu.
type MenuRow struct {
	Name  string         `json:"name"`
	Kind  string         `json:"kind"`
	About string         `json:"about"`
	Says  []string       `json:"says"`
	Ways  []configs.Exit `json:"ways"`
}

// MenuList gives the menus of a file in the order in which callers come to them.
func MenuList(f *configs.File, number string) ([]MenuRow, error) {
	names, _, err := drawn(f, number)
	if err != nil {
		return nil, err
	}
	rows := []MenuRow{}
	for _, name := range names {
		m := f.Menus[name]
		row := MenuRow{Name: name, Kind: string(m.Kind()), About: strings.Join(about(f, &m), "; "), Says: []string{}, Ways: []configs.Exit{}}
		for _, c := range slices.Concat(m.Say, []string{m.Digits.Ask, m.Message.Intro}) {
			if c != "" {
				row.Says = append(row.Says, c)
			}
		}
		row.Ways = append(row.Ways, m.Ways()...)
		rows = append(rows, row)
	}
	return rows, nil
}

// drawn are the menus and the lines that are told of, the menus as callers come to them.
func drawn(f *configs.File, number string) (names []string, lines []configs.Line, err error) {
	lines = f.Lines
	if number != "" {
		if number, err = dialled(f, number); err != nil {
			return nil, nil, err
		}
		lines = slices.DeleteFunc(slices.Clone(f.Lines), func(l configs.Line) bool { return l.Number != number })
	}
	var roots []string
	for _, l := range lines {
		roots = append(roots, l.Start, f.Person(l.Start))
		if l.Closed != "" {
			roots = append(roots, l.Closed, f.Person(l.Closed))
		}
	}
	if number == "" {
		roots = append(roots, slices.Sorted(maps.Keys(f.Menus))...) // of a file in the making
	}
	for _, root := range roots {
		for _, name := range f.Reach(root) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil, nil, ErrNoMenus
	}
	return names, lines, nil
}

// planOf says what is in each box.
func planOf(f *configs.File, p Picture) (drawing.Plan, error) {
	names, lines, err := drawn(f, p.Line)
	if err != nil {
		return drawing.Plan{}, err
	}
	clips, err := newReader(f, p.Languages)
	if err != nil {
		return drawing.Plan{}, err
	}
	title := "Where callers come"
	if len(lines) == 1 {
		title += " who dial " + lines[0].Number
	}
	plan := drawing.Plan{
		Title: title,
		About: fmt.Sprintf("%d menus in boxes from left to right, each with what callers hear and where each key leads.", len(names)),
		Notes: []string{
			"A solid arrow leads on, a dashed one back to an earlier menu. Arrows to one menu have one colour and run together. Long texts are cut off: point at them on a screen.",
			"“nothing”: the caller presses no key, or wrong ones. Where it is not drawn, it leads where 0 does.",
			always(f),
		},
	}
	for _, l := range lines {
		plan.Nodes = append(plan.Nodes, lineNode(f, l))
	}
	for _, name := range names {
		plan.Nodes = append(plan.Nodes, clips.node(f, name))
	}
	return plan, nil
}

// always says what keys mean in every menu.
func always(f *configs.File) string {
	keys := "In every menu: 0 a person, * back, # again"
	if f.Emergency.To != "" {
		keys += fmt.Sprintf(", %s emergency (%s)", f.Emergency.Key, f.Emergency.To)
	}
	return keys + "."
}

// lineNode is the box of a line.
func lineNode(f *configs.File, l configs.Line) drawing.Node {
	n := drawing.Node{Name: l.Number, Kind: drawing.KindLine}
	if len(l.Also) > 0 {
		n.About = append(n.About, "also dialled "+strings.Join(l.Also, ", "))
	}
	n.About = append(n.About, welcome(f))
	if l.Hours == configs.Always {
		n.About = append(n.About, "day and night; 0 leads to "+f.Person(l.Start))
		n.Exits = []drawing.Exit{{Label: "always", To: l.Start}}
		return n
	}
	n.About = append(n.About, hoursOf(f, l.Hours), "0 leads to "+f.Person(l.Start)+" when open")
	n.Exits = []drawing.Exit{{Label: "open", To: l.Start}}
	if l.Closed == "" {
		n.Exits = append(n.Exits, drawing.Exit{Label: "closed", To: "words of the hours, then the end"})
		return n
	}
	n.About[len(n.About)-1] += ", to " + f.Person(l.Closed) + " when closed"
	n.Exits = append(n.Exits, drawing.Exit{Label: "closed", To: l.Closed})
	return n
}

// welcome is what every caller hears first.
func welcome(f *configs.File) string {
	parts := []string{"greeting"}
	if len(f.Languages) > 1 {
		var list []string
		for i, l := range f.Languages {
			list = append(list, fmt.Sprintf("%d %s", i+1, l))
		}
		parts = append(parts, "choice of language ("+strings.Join(list, ", ")+")")
	}
	if f.Recording.Policy != configs.RecordOff {
		parts = append(parts, "notice of the recording")
	}
	return "first: " + strings.Join(parts, ", ")
}

// hoursOf says a calendar's week.
func hoursOf(f *configs.File, name string) string {
	week := f.Calendars[name].Week
	var parts []string
	for _, days := range slices.SortedFunc(maps.Keys(week), func(a, b configs.Days) int {
		return cmp.Or(int(a.From+6)%7-int(b.From+6)%7, int(a.To)-int(b.To))
	}) {
		var spans []string
		for _, s := range week[days] {
			spans = append(spans, fmt.Sprintf("%02d:%02d–%02d:%02d", s.From/60, s.From%60, s.To/60, s.To%60))
		}
		parts = append(parts, days.String()+" "+cmp.Or(strings.Join(spans, ", "), "closed"))
	}
	return "hours “" + name + "”: " + strings.Join(parts, "; ")
}

// about says in words what a menu does.
func about(f *configs.File, m *configs.Menu) []string {
	switch m.Kind() {
	case configs.NodeChoose:
		return []string{fmt.Sprintf("read %s, %s for a key", times(m.Rounds), short(m.Listen))}
	case configs.NodeDigits:
		return []string{fmt.Sprintf("asks for %s digits, %s, %s for each", configs.Count{Least: m.Digits.Least, Most: m.Digits.Most}, times(m.Rounds), short(m.Listen))}
	case configs.NodeQueue:
		return []string{"callers wait for an operator in queue “" + m.Queue + "”"}
	case configs.NodeTransfer:
		return []string{"puts through to “" + m.Transfer + "”"}
	case configs.NodeCallback:
		return []string{"asks for a number; operators of queue “" + m.Callback + "” call back"}
	case configs.NodeMessage:
		text := fmt.Sprintf("takes a %s of up to %s after the tone", m.Message.Kind, short(m.Message.Longest))
		if m.Message.Kind != "message" {
			text = fmt.Sprintf("takes a message (%s) of up to %s after the tone", m.Message.Kind, short(m.Message.Longest))
		}
		if m.Message.Topic != "" {
			text += ", topic “" + m.Message.Topic + "”"
		}
		if m.Message.Confidential {
			text += "; confidential, to the chief only"
		}
		return []string{text}
	case configs.NodeStatus:
		return []string{"asks for the number of an application and a date of birth, and tells how it stands"}
	case configs.NodeSurvey:
		return []string{fmt.Sprintf("asks survey “%s”: %d questions", m.Survey, len(f.Surveys[m.Survey].Ask))}
	case configs.NodeHours:
		return []string{hoursOf(f, m.Hours.Calendar)}
	case configs.NodeIncident:
		return []string{"the announcement of an incident, where there is one"}
	case configs.NodeLanguage:
		return []string{"asks for the language again"}
	case configs.NodeEnd:
		return []string{"we hang up"}
	}
	return nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// short is a duration without what is 0 in it.
func short(d configs.Duration) string {
	text := d.D().String()
	if d.D()%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d.D()%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return cmp.Or(text, "0s")
}

// A reader knows what clips say.
type reader struct {
	languages      []call.Language
	texts          map[string]map[call.Language]string
	shipped, heard *prompts.Library
}

func newReader(f *configs.File, languages []string) (*reader, error) {
	entries, err := prompts.Catalogue()
	if err != nil {
		return nil, err
	}
	r := &reader{texts: map[string]map[call.Language]string{}}
	for _, word := range languages {
		lang := call.Language(strings.TrimSpace(word))
		if !slices.Contains(prompts.Shipped(), lang) {
			return nil, fmt.Errorf("%w: %q; write az, en or ru", ErrNotSpoken, word)
		}
		r.languages = append(r.languages, lang)
	}
	if len(languages) == 0 {
		r.languages = f.Languages
	}
	for _, e := range entries {
		r.texts[e.Key] = e.Texts
	}
	if r.shipped, err = prompts.Load("", r.languages, zap.NewNop()); err != nil {
		return nil, err
	}
	r.heard, err = prompts.Load(filepath.Join(f.Data, "prompts"), r.languages, zap.NewNop())
	return r, err
}

// words are what the clips say; of one that the deployer has recorded, its name alone.
func (r *reader) words(clips ...string) (list []drawing.Words) {
	for _, key := range clips {
		if key == "" {
			continue
		}
		w := drawing.Words{Clip: key}
		for _, lang := range r.languages {
			text := r.texts[key][lang]
			if ours, played := r.shipped.Clip(key, lang), r.heard.Clip(key, lang); ours != nil && played != nil && ours.Version != played.Version {
				text = "(your own recording of " + key + ")"
			}
			if text != "" {
				w.Texts = append(w.Texts, drawing.Text{Language: string(lang), Text: text})
			}
		}
		list = append(list, w)
	}
	return list
}

// node is the box of a menu.
func (r *reader) node(f *configs.File, name string) drawing.Node {
	m := f.Menus[name]
	n := drawing.Node{Name: name, Kind: string(m.Kind()), About: about(f, &m), Said: r.words(slices.Concat(m.Say, []string{m.Digits.Ask, m.Message.Intro})...)}
	for _, way := range m.Ways() {
		e := drawing.Exit{Label: way.Key, To: way.To}
		switch {
		case len(way.Key) == 1:
			e.Said = r.words(m.Choose[configs.Key(way.Key[0])].Item)
		case way.Key == "to":
			e.Label = "then"
		default:
			e.Label = way.Key[strings.LastIndexByte(way.Key, '.')+1:]
		}
		n.Exits = append(n.Exits, e)
	}
	if m.Person != "" {
		n.Exits = append(n.Exits, drawing.Exit{Label: "0", To: m.Person})
	}
	return n
}
