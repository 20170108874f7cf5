package configs

import (
	"fmt"
	"maps"
	"slices"
)

// Emergency is the key by which a caller asks for help.
type Emergency struct {
	Key     Key    `yaml:"key"`
	To      string `yaml:"to"`      // an entry of the directory with emergency: true; empty: there is no such key
	Record  bool   `yaml:"record"`  // false: nothing is recorded from the key on
	Reserve int    `yaml:"reserve"` // channels of each carrier, and pairs of ports, that are left for emergencies
}

// emergency checks that the key leads to somebody who helps, and that there is a way to them.
func (c *checker) emergency() {
	e, f := c.file.Emergency, c.file
	switch {
	case e.Reserve < 0:
		c.say("emergency.reserve", "write how many channels are kept, such as 1", "%d is negative", e.Reserve)
	case slices.ContainsFunc(f.Directory, func(d Entry) bool { return d.Emergency }):
		c.reserve(e.Reserve)
	}
	if e.To == "" {
		return
	}
	c.helpKey(e)
	i := slices.IndexFunc(f.Directory, func(d Entry) bool { return d.Name == e.To })
	switch {
	case i < 0 || !f.Directory[i].Emergency:
		c.helper(i)
	case !slices.ContainsFunc(f.SIP.Trunks.Carriers, func(one Carrier) bool { return len(one.To) > 0 }):
		c.say("emergency.to", "give a carrier its hosts under to, or leave the emergency key out", "no carrier takes calls, so nobody would be reached")
	}
}

// helper says whom the key may lead to. i is the entry of that name, less than 0 for none.
func (c *checker) helper(i int) {
	const path = "emergency.to"
	to := c.file.Emergency.To
	if i >= 0 {
		c.say(path, fmt.Sprintf("write emergency: true in directory[%d], or name another entry", i), "%s is no emergency entry", c.raw(path, to))
		return
	}
	var helpers []string
	for _, d := range c.file.Directory {
		if d.Emergency {
			helpers = append(helpers, d.Name)
		}
	}
	want := defined(to, helpers, "entry", "directory")
	if len(helpers) == 0 {
		want = `add it under directory, with emergency: true, such as {name: rescue, number: "112", emergency: true}`
	}
	c.say(path, want, "the directory has no entry %s", c.raw(path, to))
}

// helpKey checks that nothing else takes the key for its own.
func (c *checker) helpKey(e Emergency) {
	const path = "emergency.key"
	if n := len(c.file.Languages); n > 1 && int(e.Key-'0') <= n {
		c.say(path, fmt.Sprintf("write a digit from %d to 9", n+1), "%s chooses a language", e.Key)
	}
	for _, menu := range slices.Sorted(maps.Keys(c.file.Menus)) {
		if _, taken := c.file.Menus[menu].Choose[e.Key]; taken {
			c.say("menus."+clean(menu)+".choose."+e.Key.String(), "take another digit for one of them", "%s is the emergency key everywhere", e.Key)
		}
	}
	for i, q := range c.file.Queues {
		if q.Callback.Above > 0 && fmt.Sprint(q.Callback.Key) == e.Key.String() {
			c.say(c.blame(at("queues", i)+".callback.key", path), "take another digit for one of them", "%s is the emergency key and that of the callback of queue %s", e.Key, q.Name)
		}
	}
}

// reserve checks that what is kept for emergencies leaves channels and ports for others.
func (c *checker) reserve(n int) {
	const path = "emergency.reserve"
	for i, one := range c.file.SIP.Trunks.Carriers {
		here := at("sip.trunks.carriers", i) + ".calls"
		if len(one.To) == 0 || one.Calls <= 0 || one.Calls > n {
			continue
		}
		if _, written := c.find(path); written {
			c.say(path, fmt.Sprintf("write at most %d, or buy more channels", one.Calls-1), "all %d channels of carrier %s would be kept for emergencies: nobody else could call", one.Calls, one.Name)
		} else {
			c.say(here, fmt.Sprintf("write %d or more, or 0 for no limit", n+1), "all of them would be kept for the emergency entries of the directory")
		}
	}
	const forOne = 2 // a caller and an operator
	if pairs := c.file.Media.Ports.Count() / 2; !c.unread["media.ports"] && n > 0 && pairs < n+forOne {
		c.say(c.blame(path, "media.ports"), fmt.Sprintf("write media.ports of at least %d ports", 2*(n+forOne)), "with %d pairs of ports kept for emergencies, the %d of media.ports leave no call", n, pairs)
	}
}
