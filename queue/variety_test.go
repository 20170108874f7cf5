package queue

import (
	"fmt"
	"time"

	"hotline/call"
)

// variety makes houses: rules, operators and covers of every kind. pick(n) chooses 0..n-1.
type variety struct{ pick func(n int) int }

var (
	names     = []string{"ann", "bob", "cem", "dil", "ela", "fua"}
	languages = []call.Language{"az", "en", "ru"}
	queues    = []string{"general", "tax", "visa"}
	skills    = []string{"visa", "stamp"}
)

// one is true once in n times.
func (v variety) one(n int) bool { return v.pick(n) == 0 }

func (v variety) seconds(least, most int) time.Duration {
	return time.Duration(least+v.pick(most-least+1)) * time.Second
}

// rules are those of the three queues, each with some of what there is.
func (v variety) someRules() (all []Rules) {
	for i, name := range queues {
		r := Rules{
			Name: name, Target: v.seconds(5, 30), Offer: v.seconds(5, 20), ReadyOnRegister: i == 0 || v.one(2),
			Strategy: Strategies[v.pick(len(Strategies))], Callback: Callback{Tries: v.pick(4), Pause: v.seconds(0, 1) * time.Duration(v.pick(300))},
		}
		if v.one(3) {
			r.Strategy = ""
		}
		if r.Strategy == RingSeveral {
			r.AtOnce = 2 + v.pick(3)
		}
		if !v.one(4) {
			r.WrapUp = v.seconds(1, 90)
		}
		if v.one(20) {
			r.WrapUp = 20 * time.Minute // longer than it can be extended to
		}
		if v.one(3) {
			r.HeadStart = v.seconds(0, 120)
		}
		if v.one(3) {
			r.Short = v.seconds(1, 8)
		}
		if v.one(3) {
			r.LastOperator = v.seconds(1, 60)
		}
		if v.one(4) {
			r.Limit = 1 + v.pick(8)
		}
		if v.one(4) {
			r.Longest = v.seconds(10, 200)
		}
		if v.one(3) {
			r.PauseAfter = 1 + v.pick(3)
		}
		r.Steps, r.Overflow = v.someSteps(), v.overflow(name)
		all = append(all, r)
	}
	return all
}

func (v variety) someSteps() (all []Step) {
	if v.one(2) {
		return nil
	}
	after := v.seconds(0, 1) * time.Duration(v.pick(20))
	for range 1 + v.pick(3) {
		s := Step{After: after, Language: v.pick(5)}
		for _, name := range skills {
			if v.one(3) {
				s.Skills = append(s.Skills, Skill{name, 1 + v.pick(4)})
			}
		}
		all = append(all, s)
		after += v.seconds(1, 60)
	}
	if v.one(2) { // relaxed in the end, so that somebody is found
		all = append(all, Step{After: after, Language: v.pick(2)})
	}
	return all
}

func (v variety) overflow(from string) (all []Overflow) {
	after := v.seconds(0, 1) * time.Duration(v.pick(60))
	for _, to := range queues {
		if to != from && v.one(3) {
			all = append(all, Overflow{After: after, To: to})
			after += v.seconds(0, 40)
		}
	}
	return all
}

func (v variety) someHouse() (h House) {
	for _, l := range languages {
		if v.one(3) {
			h.Cover = append(h.Cover, Cover{l, 1 + v.pick(4)})
		}
	}
	h.Refuse = v.one(2)
	return h
}

// operators are most of those there are, as they are at the moment.
func (v variety) someOperators() (all []Operator) {
	for _, name := range names {
		if v.one(10) {
			continue
		}
		all = append(all, v.operator(name))
	}
	return all
}

func (v variety) operator(name string) Operator {
	o := Operator{Name: name, Disabled: v.one(15)}
	for _, l := range languages {
		if !v.one(3) {
			o.Languages = append(o.Languages, l)
			if v.one(2) {
				o.Skills = append(o.Skills, Skill{string(l), 1 + v.pick(5)})
			}
		}
	}
	for _, s := range skills {
		if v.one(2) {
			o.Skills = append(o.Skills, Skill{s, 1 + v.pick(5)})
		}
	}
	if !v.one(3) {
		at := v.pick(3)
		for range 1 + v.pick(3) {
			o.Queues = append(o.Queues, queues[at%3])
			at++
		}
	}
	return o
}

// everybody is a house in which every caller can be served.
func everybody() (all []Operator) {
	for _, name := range names {
		o := Operator{Name: name, Languages: languages}
		for _, l := range languages {
			o.Skills = append(o.Skills, Skill{string(l), MaxLevel})
		}
		for _, s := range skills {
			o.Skills = append(o.Skills, Skill{s, MaxLevel})
		}
		all = append(all, o)
	}
	return all
}

func callName(n int) call.ID { return call.ID(fmt.Sprintf("c%05d", n)) }
