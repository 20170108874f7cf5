package configs

import (
	"slices"
	"strings"
)

// ways checks that all ways of a node lead to nodes, and that it has those it needs.
func (c *checker) ways(path string, m *Menu, names []string) {
	kind := m.Kind()
	switch {
	case kind.goesOn() && m.To == "":
		c.say(path+".to", "add to: MENU", "callers are left in silence after it")
	case m.To == "" || kind.goesOn() || kind == NodeCallback:
	case kind == NodeChoose || kind == NodeDigits || kind == NodeTransfer:
		c.say(path+".to", "take it out; where somebody comes who does nothing is said under nothing", "a menu that is for %s does not simply go on", kind)
	case kind == NodeHours:
		c.say(path+".to", "take it out; the two ways are hours.open and hours.closed", "a menu that is for hours does not simply go on")
	default:
		c.say(path+".to", "take it out", "nothing comes after %s", map[NodeKind]string{NodeQueue: "a queue", NodeEnd: "the end"}[kind])
	}
	if m.Nothing != "" && !kind.asks() {
		want := "take it out"
		if kind.goesOn() {
			want += "; where it goes on is said under to"
		}
		c.say(path+".nothing", want, "nothing is asked here that could be left unanswered")
	}
	for _, s := range append(m.steps(), step{"person", m.Person}) {
		if s.to == "" || slices.Contains(names, s.to) {
			continue
		}
		here := path + "." + s.key
		if c.written(here + ".to") {
			here += ".to"
		}
		c.say(here, defined(s.to, names, "menu", "menus"), "there is no menu %s", quote(s.to))
	}
}

// A standing is where a caller is in the menus, and where 0 would lead from there.
type standing struct{ node, person string }

// A journey is all that callers can come through.
type journey struct {
	file   *File
	places []standing // in the order in which they are come to
	known  map[standing]bool
	nodes  map[string]bool // of places
}

// journeys follows callers from each line's beginnings, as ivr.Walk leads them. Whoever does nothing any
// more, having pressed whatever keys before, has to arrive.
//
// Where a file is not whole, who can be reached and what is never come to is not known, and not complained of.
func (c *checker) journeys(names []string, whole bool) {
	j := &journey{file: c.file, known: map[standing]bool{}, nodes: map[string]bool{}}
	told := map[string]bool{}
	for i, l := range c.file.Lines {
		for _, b := range []step{{"start", l.Start}, {"closed", l.Closed}} {
			if _, ok := c.file.Menus[b.to]; !ok {
				continue
			}
			person := c.file.Person(b.to)
			if person == "" && whole && !told[b.to] {
				told[b.to] = true
				c.say(at("lines", i)+"."+b.key, "lead to a queue, a message, a callback or a transfer from one of its menus, or name one under person",
					"0 is always a person, and from menu %s nobody can be reached", b.to)
			}
			j.follow(b.to, person)
		}
	}
	if len(c.file.Lines) == 0 { // a file in the making: callers may begin anywhere
		for _, n := range names {
			j.follow(n, c.file.Person(n))
		}
	}
	c.circles(j)
	if whole {
		c.persons(j, names)
		c.lost(j, names)
	}
}

// persons checks that key 0 leads to a person wherever a menu says where it does.
func (c *checker) persons(j *journey, names []string) {
	for _, n := range names {
		if m := c.file.Menus[n]; m.Person != "" && !j.helps(standing{m.Person, m.Person}, map[standing]bool{}) {
			c.say("menus."+n+".person", "name a queue, a message, a callback or a transfer, or a menu that leads to one by itself",
				"0 is always a person, and %s leads to nobody", m.Person)
		}
	}
}

// lost finds menus that no caller comes to. Those behind such a menu are not complained of, too.
func (c *checker) lost(j *journey, names []string) {
	ledTo := map[string]bool{}
	for _, n := range names {
		m := c.file.Menus[n]
		for _, s := range append(m.steps(), step{"person", m.Person}) {
			ledTo[s.to] = ledTo[s.to] || s.to != n
		}
	}
	for _, some := range []func(string) bool{
		func(n string) bool { return !ledTo[n] },
		func(string) bool { return true }, // rings of them
	} {
		for _, n := range names {
			if some(n) && !j.nodes[n] {
				c.say("menus."+n, "lead to it from another menu, or take it out", "no caller ever comes here")
				j.follow(n, c.file.Person(n))
			}
		}
	}
}

// whole reports whether every menu could be read and leads where it says.
func (c *checker) whole(names []string) bool {
	for key := range c.unread {
		if key == "lines" || key == "menus" || strings.HasPrefix(key, "menus.") || strings.HasSuffix(key, ".start") || strings.HasSuffix(key, ".closed") {
			return false
		}
	}
	missing := func(n string) bool { return n != "" && !slices.Contains(names, n) }
	for _, l := range c.file.Lines {
		if l.Start == "" || missing(l.Start) || missing(l.Closed) {
			return false
		}
	}
	for _, n := range names {
		m := c.file.Menus[n]
		kind := m.Kind()
		switch {
		case missing(m.Person), m.Nothing != "" && !kind.asks(),
			kind.goesOn() == (m.To == "") && kind != NodeCallback, kind == NodeHours && (m.Hours.Open == "" || m.Hours.Closed == ""):
			return false
		}
		for _, s := range append(m.steps(), m.idle(n, n)...) {
			if missing(s.to) {
				return false
			}
		}
		for _, choice := range m.Choose {
			if choice.To == "" {
				return false
			}
		}
	}
	return true
}

// follow adds all places that a caller comes to who begins at a node. Going back by key * adds none from
// which somebody idle comes anywhere new: what it brings along is where 0 leads, and 0 itself led there.
func (j *journey) follow(start, person string) {
	first := len(j.places)
	j.come(start, person)
	for i := first; i < len(j.places); i++ {
		p := j.places[i]
		m := j.file.Menus[p.node]
		for _, s := range append(m.steps(), m.idle(p.node, p.person)...) {
			j.come(s.to, p.person)
		}
		if kind := m.Kind(); kind != NodeQueue && kind != NodeEnd {
			j.come(p.person, p.person)
		}
	}
}

func (j *journey) come(node, person string) {
	if p, ok := j.arrive(node, person); ok && !j.known[p] {
		j.known[p], j.nodes[node] = true, true
		j.places = append(j.places, p)
	}
}

// arrive is the place where a caller comes to; false: there is no such node.
func (j *journey) arrive(node, person string) (standing, bool) {
	m, ok := j.file.Menus[node]
	if m.Person != "" {
		person = m.Person
	}
	return standing{node, person}, ok
}

// helps reports whether a caller who does nothing comes by a person, or by a place where a wish is left.
// Where the way goes round, it does not. seen are the places that were looked at: true, that they help.
func (j *journey) helps(p standing, seen map[standing]bool) bool {
	if helps, known := seen[p]; known {
		return helps
	}
	m := j.file.Menus[p.node]
	switch m.Kind() {
	case NodeQueue, NodeTransfer, NodeMessage, NodeCallback:
		return true
	}
	seen[p] = false
	list := m.idle(p.node, p.person)
	for _, s := range list {
		if next, ok := j.arrive(s.to, p.person); !ok || !j.helps(next, seen) {
			return false
		}
	}
	seen[p] = len(list) > 0
	return seen[p]
}

// A turn is a step on the way of a caller who does nothing.
type turn struct {
	from standing
	key  string
}

// circles finds ways on which a caller who does nothing never arrives, or is led nowhere: such a caller, one
// who cannot press keys perhaps, must come to a person or an end.
func (c *checker) circles(j *journey) {
	done := map[standing]bool{}
	told := map[string]bool{}
	tell := func(path, want, problem string) {
		if !told[path] {
			told[path] = true
			c.say(path, want, "%s", problem)
		}
	}
	var way []turn
	var follow func(p standing)
	follow = func(p standing) {
		if i := slices.IndexFunc(way, func(t turn) bool { return t.from == p }); i >= 0 {
			path, problem := roundabout(way[i:])
			tell(path, "lead to a queue, a message or an end from there", problem)
			return
		}
		if done[p] {
			return
		}
		m := j.file.Menus[p.node]
		for _, s := range m.idle(p.node, p.person) {
			if kind := m.Kind(); s.to == "" && p.person == p.node && kind.asks() && kind != NodeChoose && kind != NodeDigits && kind != NodeStatus {
				tell("menus."+p.node+".nothing", "add nothing: MENU", "who does nothing here is led nowhere, for 0 leads to this very menu")
			}
			if next, ok := j.arrive(s.to, p.person); ok {
				way = append(way, turn{p, s.key})
				follow(next)
				way = way[:len(way)-1]
			}
		}
		done[p] = true
	}
	for _, p := range j.places {
		follow(p)
	}
}

// roundabout tells of a way that ends where it began, at the key that is most likely wrong.
func roundabout(way []turn) (path, problem string) {
	blamed := way[len(way)-1]
	if i := slices.IndexFunc(way, func(t turn) bool { return t.key == "nothing" }); i >= 0 {
		blamed = way[i]
	}
	path = "menus." + blamed.from.node + "." + blamed.key
	if len(way) == 1 {
		return path, "a caller who does nothing comes to this very menu again, for ever"
	}
	names := make([]string, 0, len(way)+1)
	for _, t := range append(way, way[0]) {
		names = append(names, t.from.node)
	}
	return path, "a caller who does nothing goes round for ever: " + strings.Join(names, " → ")
}
