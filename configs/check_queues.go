package configs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"hotline/call"
)

// The levels of skills, and how many telephones may ring for one caller.
const (
	lowest, highest    = 1, 5
	fewestAt, mostAt   = 2, 10
	mostTries, mostRow = 20, 100
)

func (c *checker) queues() {
	names := make(map[string]int)
	var all []string
	for _, q := range c.file.Queues {
		all = append(all, q.Name)
	}
	for i, q := range c.file.Queues {
		path := at("queues", i)
		c.named(path, q.Name, "queue", names, i)
		if q.Target <= 0 {
			c.say(path+".target", "write more than 0s, such as 20s", "a service level of no time is never met")
		}
		if q.Offer <= 0 {
			c.say(path+".offer", "write more than 0s, such as 15s", "no telephone is answered in no time")
		}
		c.choice(path, q, all)
		c.waiting(path, q)
	}
}

// choice checks how operators are chosen for a caller.
func (c *checker) choice(path string, q Queue, all []string) {
	if q.Strategy == RingSeveral && (q.AtOnce < fewestAt || q.AtOnce > mostAt) {
		c.say(path+".at_once", fmt.Sprintf("write %d to %d", fewestAt, mostAt), "%d telephones cannot ring at once", q.AtOnce)
	}
	for k, step := range q.Steps {
		at := fmt.Sprintf("%s.steps[%d]", path, k)
		if k > 0 && step.After <= q.Steps[k-1].After {
			c.say(at+".after", "write the steps in the order of their times", "%s is not later than the step before", step.After)
		}
		if step.Language < 0 || step.Language > highest {
			c.say(at+".language", fmt.Sprintf("write 0 for none, or %d to %d", lowest, highest), "%d is no level", step.Language)
		}
		for _, skill := range slices.Sorted(maps.Keys(step.Skills)) {
			if level := step.Skills[skill]; level < lowest || level > highest {
				c.say(at+".skills."+skill, fmt.Sprintf("write %d to %d", lowest, highest), "%d is no level", level)
			} else if !name.MatchString(skill) {
				c.say(at+".skills."+skill, "write a word of letters, digits, - and _", "%s cannot be the name of a skill", quote(skill))
			}
		}
	}
	for k, o := range q.Overflow {
		at := fmt.Sprintf("%s.overflow[%d]", path, k)
		if k > 0 && o.After < q.Overflow[k-1].After {
			c.say(at+".after", "write them in the order of their times", "%s is earlier than the one before", o.After)
		}
		switch {
		case o.To == q.Name:
			c.say(at+".to", "name another queue", "the queue cannot help itself")
		case !slices.Contains(all, o.To):
			c.say(at+".to", defined(o.To, all, "queue", "queues"), "there is no queue %s", c.raw(at+".to", o.To))
		}
	}
	if n := q.Operators.PauseAfter; n < 0 || n > mostRow {
		c.say(path+".operators.pause_after", "write 0 for never, or how many", "%d missed offers cannot be counted", n)
	}
}

// waiting checks what a caller of the queue lives through.
func (c *checker) waiting(path string, q Queue) {
	if q.Limit < 0 {
		c.say(path+".limit", "write 0 for no limit, or how many", "%d callers cannot wait", q.Limit)
	}
	if q.SayEvery > 0 && q.SayEvery.D() < 10*time.Second {
		c.say(path+".say_every", "write 10s or more, or 0s for music alone", "every %s there would be no music left", q.SayEvery)
	}
	if q.Then == WayWait || q.Then == WayLeave {
		c.say(path+".then", "write end or callback", "%s is no way out of the longest wait", q.Then)
	}
	if q.Nobody == WayEnd || q.Nobody == WayCallback {
		c.say(path+".nobody", "write wait or leave", "%s is not what a caller does where nobody is at work", q.Nobody)
	}
	for k, key := range q.Comfort {
		c.clip(fmt.Sprintf("%s.comfort[%d]", path, k), key)
	}
	b := q.Callback
	if b.Key < 0 || b.Key > 9 {
		c.say(path+".callback.key", "write one digit", "%d is no key", b.Key)
	}
	if b.Tries < 1 || b.Tries > mostTries {
		c.say(path+".callback.tries", fmt.Sprintf("write 1 to %d", mostTries), "somebody cannot be called %d times", b.Tries)
	}
}

// digit is a key behind a star code.
var digit = regexp.MustCompile(`^[1-9]$`)

// house checks the pauses, the cover and the topics.
func (c *checker) house() {
	reasons := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(c.file.Operators.Pauses)) {
		reason, path := c.file.Operators.Pauses[key], "operators.pauses."+key
		switch before, twice := reasons[reason]; {
		case !digit.MatchString(key):
			c.say(path, "write a digit from 1 to 9", "%s cannot be dialled after *46", quote(key))
		case !name.MatchString(reason):
			c.say(path, "write a word of letters, digits, - and _", "%s cannot be a reason", c.raw(path, reason))
		case twice:
			c.say(path, "keep one", "%s is the reason of digit %s, too", reason, before)
		}
		reasons[reason] = key
	}
	for _, l := range slices.Sorted(maps.Keys(c.file.Operators.Cover)) {
		path := "operators.cover." + string(l)
		if n := c.file.Operators.Cover[l]; n < 0 || n > 1000 {
			c.say(path, "write how many operators are to be at work", "%d cannot be", n)
		}
		if !slices.Contains(c.file.Languages, l) {
			c.say(path, "write one of languages", "%s is no language of callers", quote(string(l)))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.file.Topics)) {
		t, path := c.file.Topics[key], "topics."+key
		c.topic(path, key, t.Name)
		for _, sub := range slices.Sorted(maps.Keys(t.Topics)) {
			c.topic(path+".topics."+sub, sub, t.Topics[sub])
		}
	}
}

func (c *checker) topic(path, key, topic string) {
	switch {
	case !digit.MatchString(key):
		c.say(path, "write a digit from 1 to 9", "%s cannot be dialled after *48", quote(key))
	case !name.MatchString(topic):
		c.say(path, "name it by a word of letters, digits, - and _", "%s cannot be the name of a topic", quote(topic))
	}
}

// Levels gives the skills of a step in the order of their names.
func (s Step) Levels(each func(skill string, level int)) {
	for _, skill := range slices.Sorted(maps.Keys(s.Skills)) {
		each(skill, s.Skills[skill])
	}
}

// Covers gives the languages whose cover is kept, in order.
func (h House) Covers() []call.Language { return slices.Sorted(maps.Keys(h.Cover)) }

// Topic is the name of what was dialled after *48, one digit or two; empty: there is none.
func (f *File) Topic(digits string) string {
	if len(digits) == 0 || len(digits) > 2 {
		return ""
	}
	t, ok := f.Topics[digits[:1]]
	if !ok || len(digits) == 1 {
		return t.Name
	}
	sub, ok := t.Topics[digits[1:]]
	if !ok {
		return ""
	}
	return t.Name + "/" + sub
}
