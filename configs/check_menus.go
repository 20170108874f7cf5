package configs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// Bounds of what a caller can live with.
const (
	leastListen, mostListen = 2 * time.Second, 30 * time.Second
	mostRounds              = 5
	mostSpoken              = 7 // choices told in one menu: nobody remembers more
	mostMessage             = 15 * time.Minute
)

// menus checks each node by itself, then the ways of callers through them.
func (c *checker) menus() {
	names := slices.Sorted(maps.Keys(c.file.Menus))
	whole := true
	for _, key := range names {
		m, path := c.file.Menus[key], "menus."+clean(key)
		switch {
		case !name.MatchString(key):
			c.say(path, "use up to 63 letters, digits, - and _", "%s cannot be the name of a menu", quote(key))
			whole = false
		case !c.kind(path, &m):
			whole = false
		default:
			c.menu(path, &m)
			c.ways(path, &m, names)
		}
	}
	c.journeys(names, whole && c.whole(names))
}

// empties are what is wrong with a key of a menu's kind that is written but says nothing.
var empties = []struct {
	kind          NodeKind
	problem, want string
}{
	{NodeChoose, "no key is given a meaning", "write {1: {item: CLIP, to: MENU}}"},
	{NodeDigits, "it is not said what is asked for, nor where it leads", `write {ask: CLIP, values: {"1234": MENU}}, or other: MENU`},
	{NodeQueue, "it is not said which", "name a queue"},
	{NodeTransfer, "it is not said to whom", "name an entry of directory"},
	{NodeMessage, "it is not said what kind of message is left", "write {kind: message, intro: vm.intro}"},
	{NodeCallback, "it is not said in which line callers wait", "name a queue"},
	{NodeSurvey, "it is not said which", "name one of surveys"},
	{NodeHours, "it is not said whose hours", "write {calendar: NAME, open: MENU, closed: MENU}"},
	{NodeStatus, "the menu does nothing", "write true, or lead to another menu directly"},
	{NodeIncident, "the menu does nothing", "write true, or lead to another menu directly"},
	{NodeLanguage, "the menu does nothing", "write true, or lead to another menu directly"},
	{NodeEnd, "the menu does nothing", "write true, or lead to another menu directly"},
}

// kind checks that a node is for one thing, which its other checks go by.
func (c *checker) kind(path string, m *Menu) bool {
	all := m.kinds()
	slices.SortStableFunc(all, func(a, b NodeKind) int { // as the file has them: the second is the one too many
		x, y := c.spots[path+"."+string(a)], c.spots[path+"."+string(b)]
		return cmp.Or(x.line-y.line, x.column-y.column)
	})
	switch {
	case len(all) == 1 && all[0] != NodeSay:
		return true
	case len(all) > 1:
		c.say(path+"."+string(all[1]), "make it a menu of its own and lead to it", "a menu does one thing, and this one is already for %s", all[0])
		return false
	}
	for _, e := range empties {
		if here := path + "." + string(e.kind); c.written(here) {
			c.say(here, e.want, "%s", e.problem)
			return false
		}
	}
	if len(all) == 0 && !c.garbled(path) {
		c.say(path, "give it something to do, such as {queue: NAME} or {say: [CLIP], to: MENU}", "the menu leads nowhere")
	}
	return len(all) == 1
}

// long shows a duration as the file has it: 1h rather than 1h0m0s.
func (c *checker) long(path string, d Duration) string {
	return cmp.Or(clean(c.texts[path]), d.String())
}

func (c *checker) written(path string) bool {
	_, exact := c.find(path)
	return exact
}

// garbled reports whether something below a path could not be read.
func (c *checker) garbled(path string) bool {
	for key := range c.unread {
		if strings.HasPrefix(key, path+".") || key == path {
			return true
		}
	}
	return false
}

// menu checks what a node of its kind needs.
func (c *checker) menu(path string, m *Menu) {
	kind := m.Kind()
	for i, key := range m.Say {
		c.clip(at(path+".say", i), key)
	}
	if kind == NodeSay && len(m.Say) == 0 {
		c.say(path+".to", "lead there directly, or add say: [CLIP]", "the menu does nothing but lead on")
	}
	if kind == NodeLanguage && len(c.file.Languages) == 1 {
		c.say(path+".language", "name others under languages, or take the menu out", "callers have one language, so there is nothing to choose")
	}
	c.patience(path, m)
	switch kind {
	case NodeChoose:
		c.choices(path, m)
	case NodeDigits:
		c.keyed(path+".digits", m)
	case NodeMessage:
		c.left(path+".message", m)
	}
	c.target(path, m)
}

// patience checks how long and how often keys are waited for.
func (c *checker) patience(path string, m *Menu) {
	if kind := m.Kind(); kind != NodeChoose && kind != NodeDigits {
		for _, key := range []string{".listen", ".rounds"} {
			if c.written(path + key) {
				c.say(path+key, "take it out", "means nothing in a menu that is for %s", kind)
			}
		}
		return
	}
	switch l, here := m.Listen.D(), path+".listen"; {
	case l < leastListen:
		c.say(here, "write 2s to 30s, such as 8s", "nobody finds a key within %s", c.long(here, m.Listen))
	case l > mostListen:
		c.say(here, "write 2s to 30s, such as 8s", "nobody listens to %s of silence", c.long(here, m.Listen))
	}
	if m.Rounds < 1 || m.Rounds > mostRounds {
		c.say(path+".rounds", fmt.Sprintf("write 1 to %d, such as 3", mostRounds), "it cannot be read %d times", m.Rounds)
	}
}

// choices checks the keys of a menu.
func (c *checker) choices(path string, m *Menu) {
	spoken := 0
	heard := map[string]Key{}
	for _, k := range m.Keys() {
		choice, here := m.Choose[k], path+".choose."+k.String()
		c.clip(here+".item", choice.Item)
		if choice.To == "" {
			c.say(here, "write {item: CLIP, to: MENU}", "the key leads nowhere")
		}
		if choice.Item == "" {
			continue
		}
		spoken++
		if first, twice := heard[choice.Item]; twice {
			c.say(here+".item", "give each key words of its own", "key %s says the same", first)
		}
		heard[choice.Item] = k
	}
	if len(m.Choose) > 0 && spoken == 0 && len(m.Say) == 0 {
		c.say(path+".choose", "give the keys an item, or the menu a say", "nobody is told of any key")
	}
	if spoken > mostSpoken {
		c.say(path+".choose", "divide it into two menus", "%d choices are more than anybody remembers, %d are the most", spoken, mostSpoken)
	}
}

// mostKeyed is how many digits can be asked for.
const mostKeyed = 20

// keyed checks a question for digits.
func (c *checker) keyed(path string, m *Menu) {
	d := m.Digits
	if d.Ask == "" {
		c.say(path+".ask", "name a prompt that asks for them", "nobody is told what to key")
	}
	c.clip(path+".ask", d.Ask)
	right := false
	switch {
	case d.Least < 1:
		c.say(path+".least", "write 1 or more", "%d digits cannot be keyed", d.Least)
	case d.Most > mostKeyed:
		c.say(path+".most", fmt.Sprintf("write %d or less", mostKeyed), "nobody keys %d digits", d.Most)
	case d.Most < d.Least:
		c.say(c.blame(path+".most", path+".least"), "write the lesser one under least", "nobody can key at least %d digits and at most %d", d.Least, d.Most)
	default:
		right = true
	}
	for _, v := range slices.Sorted(maps.Keys(d.Values)) {
		here := path + ".values." + clean(v)
		switch n := (Count{d.Least, d.Most}); {
		case d.Values[v] == "":
			c.say(here, "name the menu", "it leads nowhere")
		case right && (!isDigits(v) || len(v) < n.Least || len(v) > n.Most):
			c.say(here, fmt.Sprintf("write %s digits", n), "%s can never be keyed here", quote(v))
		}
	}
	if len(d.Values) == 0 && d.Other == "" {
		c.say(path, `write values: {"1234": MENU}, or other: MENU`, "whatever is keyed leads nowhere")
	}
}

// left checks how a message is left.
func (c *checker) left(path string, m *Menu) {
	const least, most = 10 * time.Second, mostMessage
	g := m.Message
	if !slices.Contains(call.Matters, g.Kind) {
		c.say(path+".kind", "write "+either(texts(call.Matters)), "%s is no kind of message", c.raw(path+".kind", string(g.Kind)))
	}
	if g.Intro == "" {
		c.say(path+".intro", "name the prompt before the tone, such as vm.intro", "nobody is told when to speak")
	}
	c.clip(path+".intro", g.Intro)
	switch l := g.Longest.D(); {
	case l < least:
		c.say(path+".longest", "write 10s to 15m, such as 3m", "nobody says anything within %s", c.long(path+".longest", g.Longest))
	case l > most:
		c.say(path+".longest", "write 10s to 15m, such as 3m", "nobody listens to a message of %s", c.long(path+".longest", g.Longest))
	case g.Least >= g.Longest:
		c.say(c.blame(path+".least", path+".longest"), "write 2s", "a message that may have %s and needs %s is always too short", g.Longest, g.Least)
	case g.Least.D() > 30*time.Second:
		c.say(path+".least", "write 2s", "a message of less than %s is not too short", g.Least)
	}
	if s := g.Silence.D(); s != 0 && s < 3*time.Second {
		c.say(path+".silence", "write 3s or more, such as 10s, or 0s for never", "who thinks for %s would be cut off", g.Silence)
	}
	if g.Topic != "" && !name.MatchString(g.Topic) {
		c.say(path+".topic", "write a word of letters, digits, - and _", "%s cannot be the name of a topic", c.raw(path+".topic", g.Topic))
	}
}

func texts[T ~string](list []T) (out []string) {
	for _, t := range list {
		out = append(out, string(t))
	}
	return out
}

// target checks whom or what a node names.
func (c *checker) target(path string, m *Menu) {
	var queues, entries []string
	for _, q := range c.file.Queues {
		queues = append(queues, q.Name)
	}
	for _, e := range c.file.Directory {
		entries = append(entries, e.Name)
	}
	there := func(key, value string, all []string, one, section string) {
		if value != "" && !slices.Contains(all, value) {
			c.say(path+key, defined(value, all, one, section), "there is no %s %s", one, c.raw(path+key, value))
		}
	}
	there(".queue", m.Queue, queues, "queue", "queues")
	there(".callback", m.Callback, queues, "queue", "queues")
	there(".transfer", m.Transfer, entries, "entry", "directory")
	there(".survey", m.Survey, slices.Sorted(maps.Keys(c.file.Surveys)), "survey", "surveys")
	switch kind := m.Kind(); kind {
	case NodeTransfer, NodeCallback:
		here := path + "." + string(kind)
		switch {
		case !slices.ContainsFunc(c.file.SIP.Trunks.Carriers, func(one Carrier) bool { return len(one.To) > 0 }):
			c.say(here, "give a carrier hosts under to", "no carrier takes calls, so nobody could be called")
		case kind == NodeCallback && len(c.file.Outgoing.Allow) == 0:
			c.say(here, `write outgoing: {allow: ["+994"]}, or which numbers may be called`, "outgoing.allow lets no number be called")
		}
	case NodeHours:
		c.door(path+".hours", m.Hours)
	case NodeStatus:
		if c.file.Status.URL == "" && !c.anyMessage() {
			c.say(path+".status", "name the system under status.url, or add a menu with a message", "nobody knows how any application stands")
		}
	}
}

// door checks whose hours a menu goes by, and that it leads somewhere in them and outside them.
func (c *checker) door(path string, h Switch) {
	switch {
	case h.Calendar == Always:
		c.say(path+".calendar", "name a calendar, or lead to the open menu directly", "always is never closed")
	case h.Calendar == "":
		c.say(path+".calendar", "name a calendar", "it is not said whose hours")
	default:
		c.hours(path+".calendar", h.Calendar)
	}
	if h.Open == "" {
		c.say(path+".open", "add open: MENU", "it is not said where callers come within the hours")
	}
	if h.Closed == "" {
		c.say(path+".closed", "add closed: MENU", "it is not said where callers come outside the hours")
	}
}

func (c *checker) anyMessage() bool {
	for _, m := range c.file.Menus {
		if m.Kind() == NodeMessage {
			return true
		}
	}
	return false
}
