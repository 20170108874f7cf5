package configs

import (
	"slices"

	"hotline/call"
)

// minKeep is how long a citizen may ask for a copy of a recorded call, in calendar months.
const minKeep = 3

// standardClass is the class of what fits no other.
const standardClass = "standard"

// A Class is a sort of calls whose recordings are kept alike. Of the lists those that are not empty
// must all fit; the first class that fits counts.
type Class struct {
	Name    string        `yaml:"name"`
	Keep    Months        `yaml:"keep"`
	Lines   []string      `yaml:"lines"`   // numbers of lines
	Queues  []string      `yaml:"queues"`  // where the call was at its end
	Matters []call.Matter `yaml:"matters"` // of a case of the call
	Topics  []string      `yaml:"topics"`  // of a case of the call, as the menus name them
}

func (c *Class) defaults() {
	c.Lines, c.Queues, c.Matters, c.Topics = []string{}, []string{}, []call.Matter{}, []string{}
}

// retention checks how long what is kept.
func (c *checker) retention() {
	r := c.file.Recording
	c.keep("recording.keep", r.Keep)
	c.keep("recording.keep_cases", r.KeepCases)
	names := map[string]int{}
	for i, k := range r.Classes {
		path := at("recording.classes", i)
		c.named(path, k.Name, "class", names, i)
		if k.Name == standardClass {
			c.say(path+".name", "take another name", "%s is the class of what fits no other", standardClass)
		}
		if _, given := c.find(path + ".keep"); !given {
			c.say(path+".keep", "write how long, such as 36mo", "the class does not say how long its recordings are kept")
		} else {
			c.keep(path+".keep", k.Keep)
		}
		if len(k.Lines)+len(k.Queues)+len(k.Matters)+len(k.Topics) == 0 {
			c.say(path, "name lines, queues, matters or topics, or write recording.keep instead", "the class fits everything")
		}
		c.fits(path, k)
	}
}

// keep checks one number of months.
func (c *checker) keep(path string, months Months) {
	if months < minKeep {
		c.say(path, "write 3mo or more", "%s is less than the 3 months in which callers may ask for a copy", c.raw(path, months.String()))
	}
}

// fits checks that there is what a class is about: a slip of the finger would keep nothing longer.
func (c *checker) fits(path string, k Class) {
	for j, line := range k.Lines {
		if !slices.ContainsFunc(c.file.Lines, func(l Line) bool { return l.Number == line }) {
			here := at(path+".lines", j)
			c.say(here, "write the number of a line as under lines", "there is no line %s", c.raw(here, line))
		}
	}
	for j, queue := range k.Queues {
		if !slices.ContainsFunc(c.file.Queues, func(q Queue) bool { return q.Name == queue }) {
			here := at(path+".queues", j)
			c.say(here, "name a queue there is", "there is no queue %s", c.raw(here, queue))
		}
	}
	for j, matter := range k.Matters {
		if !slices.Contains(call.Matters, matter) {
			words := make([]string, len(call.Matters))
			for i, m := range call.Matters {
				words[i] = string(m)
			}
			here := at(path+".matters", j)
			c.say(here, "write "+either(words), "%s is nothing a case is", c.raw(here, string(matter)))
		}
	}
}
