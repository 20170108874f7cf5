package configs

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// A Menu is one node of what a caller goes through. It says its clips, then does the one thing that
// it is for (see Kind), then goes on.
type Menu struct {
	Say     []string `yaml:"say"`     // clips, before everything else
	Answers bool     `yaml:"answers"` // who has heard its words has been answered, and abandons nothing by leaving

	Choose  map[Key]Choice `yaml:"choose"`
	Listen  Duration       `yaml:"listen"`  // for a key, after each reading
	Rounds  int            `yaml:"rounds"`  // how often it is read to somebody who does nothing, or presses wrong keys
	Nothing string         `yaml:"nothing"` // where doing nothing leads; empty: to a person
	Person  string         `yaml:"person"`  // where 0 leads from here on; empty: see File.Person

	Digits   Digits  `yaml:"digits"`
	Queue    string  `yaml:"queue"`
	Transfer string  `yaml:"transfer"` // to an entry of the directory
	Message  Message `yaml:"message"`
	Callback string  `yaml:"callback"` // in the line of a queue
	Status   bool    `yaml:"status"`
	Survey   string  `yaml:"survey"`
	Hours    Switch  `yaml:"hours"`
	Incident bool    `yaml:"incident"` // the announcement of an incident, where there is one
	Language bool    `yaml:"language"` // is asked for again
	End      bool    `yaml:"end"`

	To string `yaml:"to"` // where it goes on
}

// A Choice is what a key of a menu does. A word alone is where it leads, and is not told.
type Choice struct {
	Item string `yaml:"item"` // the clip that tells what the key is for; empty: it is not told
	To   string `yaml:"to"`
}

func (c *Choice) short(text string) error { c.To = text; return nil }

// Digits asks for digits and goes where they lead.
type Digits struct {
	Ask    string            `yaml:"ask"`   // the clip
	Least  int               `yaml:"least"` // digits, at least and at most
	Most   int               `yaml:"most"`
	Values map[string]string `yaml:"values"` // node by what was keyed
	Other  string            `yaml:"other"`  // node for everything else that is long enough; empty: it is invalid
}

// A Message is how a caller leaves one.
type Message struct {
	Kind         call.Matter `yaml:"kind"`
	Topic        string      `yaml:"topic"`
	Confidential bool        `yaml:"confidential"` // about staff or corruption: to the chief only
	Intro        string      `yaml:"intro"`        // the clip before the tone
	Longest      Duration    `yaml:"longest"`
	Silence      Duration    `yaml:"silence"` // that ends it; 0: none does
	Least        Duration    `yaml:"least"`   // of speech, or it is too short
}

// A Switch sends callers one way in the hours of a calendar and another outside them.
type Switch struct {
	Calendar string `yaml:"calendar"`
	Open     string `yaml:"open"`
	Closed   string `yaml:"closed"`
}

// A Key is one of a telephone's keypad that a menu may give a meaning: 1 to 9. 0 is a person, * goes
// back and # repeats, always.
type Key byte

func (k Key) String() string { return string(rune(k)) }

func (k *Key) parse(text string) error {
	switch {
	case len(text) == 1 && text[0] >= '1' && text[0] <= '9':
		*k = Key(text[0])
		return nil
	case text == "0":
		return wrong("take 1 to 9; where 0 leads is said under person", "0 always leads to a person")
	case text == "*":
		return wrong("take 1 to 9", "* always goes back to the menu before")
	case text == "#":
		return wrong("take 1 to 9", "# always says again what was said")
	}
	return wrong("write one digit from 1 to 9", "%s is no key", quote(text))
}

func (m *Menu) defaults() {
	m.Say, m.Choose = []string{}, map[Key]Choice{}
	m.Listen, m.Rounds = Duration(8*time.Second), 3
	m.Digits = Digits{Least: 1, Most: 20, Values: map[string]string{}}
	m.Message = Message{Longest: Duration(3 * time.Minute), Silence: Duration(10 * time.Second), Least: Duration(2 * time.Second)}
}

// A NodeKind is the one thing that a menu is for.
type NodeKind string

// The kinds. A node that only says something and goes on is of kind say.
const (
	NodeSay      NodeKind = "say"
	NodeChoose   NodeKind = "choose"
	NodeDigits   NodeKind = "digits"
	NodeQueue    NodeKind = "queue"
	NodeTransfer NodeKind = "transfer"
	NodeMessage  NodeKind = "message"
	NodeCallback NodeKind = "callback"
	NodeStatus   NodeKind = "status"
	NodeSurvey   NodeKind = "survey"
	NodeHours    NodeKind = "hours"
	NodeIncident NodeKind = "incident"
	NodeLanguage NodeKind = "language"
	NodeEnd      NodeKind = "end"
)

// kinds are all that a menu says it is for, in the order above; right is one.
func (m *Menu) kinds() (all []NodeKind) {
	for _, k := range []struct {
		kind NodeKind
		is   bool
	}{
		{NodeChoose, len(m.Choose) > 0}, {NodeDigits, m.Digits.Ask != "" || m.Digits.Other != "" || len(m.Digits.Values) > 0}, {NodeQueue, m.Queue != ""},
		{NodeTransfer, m.Transfer != ""}, {NodeMessage, m.Message.Kind != "" || m.Message.Intro != ""}, {NodeCallback, m.Callback != ""},
		{NodeStatus, m.Status}, {NodeSurvey, m.Survey != ""}, {NodeHours, m.Hours != (Switch{})}, {NodeIncident, m.Incident},
		{NodeLanguage, m.Language}, {NodeEnd, m.End},
	} {
		if k.is {
			all = append(all, k.kind)
		}
	}
	if len(all) == 0 && (len(m.Say) > 0 || m.To != "") {
		all = append(all, NodeSay)
	}
	return all
}

// Kind is what the menu is for; empty for one that is for nothing, which no checked file has.
func (m *Menu) Kind() NodeKind {
	if all := m.kinds(); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Keys are the keys of its choices, in order.
func (m *Menu) Keys() []Key { return slices.Sorted(maps.Keys(m.Choose)) }

// A step is a way from one node to another: the key under which the file has it, and where to.
type step struct{ key, to string }

// asks reports whether a caller may do nothing at a node of this kind, which is where nothing leads. A
// transfer is among them: who does nothing is who has been told that nobody was reached.
func (k NodeKind) asks() bool {
	switch k {
	case NodeChoose, NodeDigits, NodeStatus, NodeMessage, NodeCallback, NodeTransfer:
		return true
	}
	return false
}

// goesOn reports whether a node of this kind leads on by itself when its work is done.
func (k NodeKind) goesOn() bool {
	switch k {
	case NodeSay, NodeIncident, NodeLanguage, NodeSurvey, NodeStatus, NodeMessage:
		return true
	}
	return false
}

// steps are all ways that the file names and a caller may go, but for 0.
func (m *Menu) steps() (list []step) {
	add := func(key, to string) {
		if to != "" {
			list = append(list, step{key, to})
		}
	}
	for _, k := range m.Keys() {
		add("choose."+k.String(), m.Choose[k].To)
	}
	for _, v := range slices.Sorted(maps.Keys(m.Digits.Values)) {
		add("digits.values."+v, m.Digits.Values[v])
	}
	add("digits.other", m.Digits.Other)
	add("hours.open", m.Hours.Open)
	add("hours.closed", m.Hours.Closed)
	kind := m.Kind()
	if kind.goesOn() || kind == NodeCallback {
		add("to", m.To)
	}
	if kind.asks() {
		add("nothing", m.Nothing)
	}
	return list
}

// idle are the ways of a caller who does nothing at a node, as ivr.Walk leads one on. person is where 0
// leads; where that is the very node, it goes on.
func (m *Menu) idle(self, person string) []step {
	switch kind := m.Kind(); {
	case kind == NodeHours:
		return []step{{"hours.open", m.Hours.Open}, {"hours.closed", m.Hours.Closed}}
	case kind.asks() && (m.Nothing != "" || person != self):
		return []step{{"nothing", cmp.Or(m.Nothing, person)}}
	case kind.asks(), kind.goesOn():
		return []step{{"to", m.To}}
	}
	return nil
}

// Ways are where a node may lead, in the order of the file's keys; where 0 leads is not among them.
func (m *Menu) Ways() (list []Exit) {
	for _, s := range m.steps() {
		list = append(list, Exit{Key: strings.TrimPrefix(s.key, "choose."), To: s.to})
	}
	return list
}

// An Exit is one way out of a node: the key of the telephone, or of the file, that leads there.
type Exit struct {
	Key string `json:"key"`
	To  string `json:"to"`
}

// Person is where 0 leads a caller who began at a node: the node's own person, else the nearest queue,
// else the nearest place where a wish can be left (callback, message), else the nearest transfer; empty:
// there is none.
func (f *File) Person(start string) string {
	if p := f.Menus[start].Person; p != "" {
		return p
	}
	order := f.Reach(start)
	for _, wanted := range [][]NodeKind{{NodeQueue}, {NodeCallback, NodeMessage}, {NodeTransfer}} {
		for _, name := range order {
			m := f.Menus[name]
			if slices.Contains(wanted, m.Kind()) {
				return name
			}
		}
	}
	return ""
}

// Reach gives the nodes that can be reached from one, nearest first.
func (f *File) Reach(start string) (order []string) {
	seen := map[string]bool{start: true}
	if _, ok := f.Menus[start]; !ok {
		return nil
	}
	order = []string{start}
	for i := 0; i < len(order); i++ {
		m := f.Menus[order[i]]
		for _, s := range append(m.steps(), step{"person", m.Person}) {
			if _, ok := f.Menus[s.to]; ok && !seen[s.to] {
				seen[s.to] = true
				order = append(order, s.to)
			}
		}
	}
	return order
}

// QueuesOf are the queues that the menus of a line lead to, the nearest first.
func (f *File) QueuesOf(l Line) (queues []string) {
	for _, start := range []string{l.Start, l.Closed} {
		for _, name := range append(f.Reach(start), f.Reach(f.Person(start))...) {
			m := f.Menus[name]
			if to := m.Queue + m.Callback; to != "" && !slices.Contains(queues, to) { // it is one of them
				queues = append(queues, to)
			}
		}
	}
	return queues
}
