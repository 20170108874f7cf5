package configs

import (
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

// menus checks each node by itself, then the way of a caller through them.
func (c *checker) menus() {
	names := slices.Sorted(maps.Keys(c.file.Menus))
	for _, key := range names {
		m, path := c.file.Menus[key], "menus."+clean(key)
		if !name.MatchString(key) {
			c.say(path, "use up to 63 letters, digits, - and _", "%s cannot be the name of a menu", quote(key))
			continue
		}
		if c.kind(path, &m) {
			c.menu(path, &m)
			c.ways(path, &m, names)
		}
	}
	c.journeys(names)
}

// kind checks that a node is for one thing.
func (c *checker) kind(path string, m *Menu) bool {
	for key := range c.unread {
		if strings.HasPrefix(key, path+".") {
			return false // it was meant to be for something
		}
	}
	all := m.kinds()
	switch {
	case len(all) == 0:
		c.say(path, "give it something to do, such as {queue: NAME} or {say: [CLIP], to: MENU}", "the menu leads nowhere")
	case len(all) > 1:
		c.say(path+"."+string(all[1]), "make it a menu of its own and lead to it", "a menu does one thing, and this one is already for %s", all[0])
	}
	return len(all) == 1
}

// menu checks what a node of its kind needs.
func (c *checker) menu(path string, m *Menu) {
	for i, key := range m.Say {
		c.clip(at(path+".say", i), key)
	}
	if l := m.Listen.D(); l < leastListen || l > mostListen {
		c.say(path+".listen", "write 2s to 30s, such as 8s", "nobody finds a key in %s, or waits so long", m.Listen)
	}
	if m.Rounds < 1 || m.Rounds > mostRounds {
		c.say(path+".rounds", fmt.Sprintf("write 1 to %d, such as 3", mostRounds), "it cannot be read %d times", m.Rounds)
	}
	if m.Kind() == NodeSay && len(m.Say) == 0 {
		c.say(path+".to", "lead there directly, or add say: [CLIP]", "the menu does nothing but lead on")
	}
	c.choices(path, m)
	c.keyed(path+".digits", m)
	c.left(path+".message", m)
	c.target(path, m)
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

// keyed checks a question for digits.
func (c *checker) keyed(path string, m *Menu) {
	d := m.Digits
	if m.Kind() != NodeDigits {
		return
	}
	if d.Ask == "" {
		c.say(path+".ask", "name a prompt that asks for them", "nobody is told what to key")
	}
	c.clip(path+".ask", d.Ask)
	if d.Least < 1 || d.Most > 20 || d.Most < d.Least {
		c.say(path+".most", "write 1 to 20, and not less than least", "%d to %d digits cannot be keyed", d.Least, d.Most)
	}
	for _, v := range slices.Sorted(maps.Keys(d.Values)) {
		if !isDigits(v) || len(v) < d.Least || len(v) > d.Most {
			c.say(path+".values."+clean(v), fmt.Sprintf("write %d to %d digits", d.Least, d.Most), "%s can never be keyed here", quote(v))
		}
	}
	if len(d.Values) == 0 && d.Other == "" {
		c.say(path+".values", `write values: {"1234": MENU}, or other: MENU`, "whatever is keyed leads nowhere")
	}
}

// left checks how a message is left.
func (c *checker) left(path string, m *Menu) {
	g := m.Message
	if m.Kind() != NodeMessage {
		return
	}
	if !slices.Contains(call.Matters, g.Kind) {
		c.say(path+".kind", "write "+either(texts(call.Matters)), "%s is no kind of message", c.raw(path+".kind", string(g.Kind)))
	}
	if g.Intro == "" {
		c.say(path+".intro", "name the prompt before the tone, such as vm.intro", "nobody is told when to speak")
	}
	c.clip(path+".intro", g.Intro)
	if l := g.Longest.D(); l < 10*time.Second || l > mostMessage {
		c.say(path+".longest", "write 10s to 15m, such as 3m", "%s is no time to speak in, or too long to hear", g.Longest)
	}
	if s := g.Silence.D(); s != 0 && s < 3*time.Second {
		c.say(path+".silence", "write 3s or more, such as 10s, or 0s for never", "who thinks for %s would be cut off", g.Silence)
	}
	if g.Least.D() > 30*time.Second {
		c.say(path+".least", "write 2s", "a message of %s is not too short", g.Least)
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
	switch m.Kind() {
	case NodeTransfer, NodeCallback:
		if !slices.ContainsFunc(c.file.SIP.Trunks.Carriers, func(one Carrier) bool { return len(one.To) > 0 }) {
			c.say(path+"."+string(m.Kind()), "give a carrier hosts under to", "no carrier takes calls, so nobody could be called")
		}
	case NodeHours:
		h := m.Hours
		switch {
		case h.Calendar == Always:
			c.say(path+".hours.calendar", "name a calendar, or lead to the open menu directly", "always is never closed")
		case h.Calendar == "":
			c.say(path+".hours.calendar", "name one", "it is not said whose hours")
		default:
			c.hours(path+".hours.calendar", h.Calendar)
		}
	case NodeStatus:
		if c.file.Status.URL == "" && !c.anyMessage() {
			c.say(path+".status", "name the system under status.url, or add a menu with a message", "nobody knows how any application stands")
		}
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

// ways checks that all ways of a node lead to nodes, and that there are those it needs.
func (c *checker) ways(path string, m *Menu, names []string) {
	list := m.steps()
	if m.To != "" && !slices.Contains(list, step{"to", m.To}) {
		switch m.Kind() {
		case NodeChoose, NodeDigits, NodeHours:
			c.say(path+".to", "take it out; use nothing for callers who do nothing", "a menu of kind %s does not simply go on", m.Kind())
		default:
			c.say(path+".to", "take it out", "nothing comes after %s", m.Kind())
		}
		list = append(list, step{"to", m.To})
	}
	if m.Nothing != "" && !slices.Contains(list, step{"nothing", m.Nothing}) {
		c.say(path+".nothing", "take it out", "a menu of kind %s asks nothing", m.Kind())
	}
	for _, s := range list {
		if here := path + "." + s.key; !slices.Contains(names, s.to) {
			if s.key[0] == 'c' { // choose.K
				here += ".to"
			}
			c.say(here, defined(s.to, names, "menu", "menus"), "there is no menu %s", quote(s.to))
		}
	}
	switch m.Kind() {
	case NodeSay, NodeIncident, NodeLanguage, NodeSurvey:
		if m.To == "" {
			c.say(path, "add to: MENU, or end: true", "the caller is left in silence after it")
		}
	case NodeHours:
		if m.Hours.Open == "" || m.Hours.Closed == "" {
			c.say(path+".hours", "write {calendar: NAME, open: MENU, closed: MENU}", "one of the two ways leads nowhere")
		}
	}
}

// journeys follows callers from each line's beginnings.
func (c *checker) journeys(names []string) {
	reached := map[string]bool{}
	for i, l := range c.file.Lines {
		for key, start := range map[string]string{"start": l.Start, "closed": l.Closed} {
			if _, ok := c.file.Menus[start]; !ok {
				continue
			}
			for _, n := range c.file.reach(start) {
				reached[n] = true
			}
			c.person(at("lines", i)+"."+key, start, reached)
		}
	}
	if len(c.file.Lines) > 0 {
		for _, n := range names {
			if !reached[n] && name.MatchString(n) {
				c.say("menus."+n, "lead to it from another menu, or take it out", "no caller ever comes here")
			}
		}
	}
	c.circles(names)
}

// person checks that 0 leads somewhere for callers who begin at a node.
func (c *checker) person(path, start string, reached map[string]bool) {
	to := c.file.Person(start)
	if to == "" {
		c.say(path, "lead to a queue, a callback or a message from some menu, or name one under person", "0 is always a person, and from menu %s none can be reached", start)
		return
	}
	for _, n := range c.file.reach(to) {
		reached[n] = true
	}
}

// circles finds ways on which a caller who does nothing never arrives: such a caller, one who cannot
// press keys perhaps, must come to a person.
func (c *checker) circles(names []string) {
	const (
		under = 1
		done  = 2
	)
	persons := map[string]string{}
	for _, l := range c.file.Lines {
		for _, start := range []string{l.Start, l.Closed} {
			person := c.file.Person(start)
			for _, n := range c.file.reach(start) {
				if persons[n] == "" {
					persons[n] = person
				}
			}
		}
	}
	state := map[string]int{}
	var way []string
	var follow func(n string)
	follow = func(n string) {
		m, ok := c.file.Menus[n]
		switch {
		case !ok || state[n] == done:
			return
		case state[n] == under:
			round := append(slices.Clone(way[slices.Index(way, n):]), n)
			c.say("menus."+way[len(way)-1], "lead one of them to a queue, or to an end", "a caller who does nothing goes round for ever: %s", strings.Join(round, " → "))
			return
		}
		state[n] = under
		way = append(way, n)
		person := persons[n]
		if m.Person != "" {
			person = m.Person
		}
		for _, s := range m.passive(n, person) {
			follow(s.to)
		}
		way = way[:len(way)-1]
		state[n] = done
	}
	for _, n := range names {
		follow(n)
	}
}
