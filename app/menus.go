package app

import (
	"maps"
	"slices"
	"time"

	"hotline/configs"
	"hotline/ivr"
	"hotline/line"
	"hotline/prompts"
)

// menus says in the words of package ivr what the file says of them.
func menus(f *configs.File) ivr.Menus {
	nodes := ivr.Menus{}
	for name, m := range f.Menus {
		n := &ivr.Node{
			Name: name, Kind: ivr.Kind(m.Kind()), Words: m.Say, Answers: m.Answers, Listen: m.Listen.D(), Rounds: m.Rounds,
			Target: m.Queue + m.Transfer + m.Callback + m.Survey, // one of them
			To:     m.To, Nothing: m.Nothing, Person: m.Person,
		}
		for _, k := range m.Keys() {
			n.Choices = append(n.Choices, ivr.Choice{Key: byte(k), Item: m.Choose[k].Item, To: m.Choose[k].To})
		}
		n.Ask = ivr.Question{Clip: m.Digits.Ask, Least: m.Digits.Least, Most: m.Digits.Most, Values: m.Digits.Values, Other: m.Digits.Other}
		n.Leave = ivr.Leave{
			Matter: m.Message.Kind, Topic: m.Message.Topic, Confidential: m.Message.Confidential, Intro: m.Message.Intro,
			Longest: m.Message.Longest.D(), Silence: m.Message.Silence.D(), Least: m.Message.Least.D(),
		}
		if m.Kind() == configs.NodeHours {
			n.Open, n.To, n.Closed = f.Hours(m.Hours.Calendar), m.Hours.Open, m.Hours.Closed
		}
		nodes[name] = n
	}
	return nodes
}

// surveys are what callers are asked after a talk.
func surveys(f *configs.File) map[string]line.Survey {
	all := map[string]line.Survey{}
	for name, s := range f.Surveys {
		one := line.Survey{Name: name, Intro: s.Intro}
		for _, q := range s.Ask {
			question := line.Question{Name: q.Name, Clip: q.Clip, From: q.Keys.Least, To: q.Keys.Most}
			for _, key := range slices.Sorted(maps.Keys(q.Items)) {
				question.Items = append(question.Items, prompts.Item{Clip: q.Items[key], Key: key[0]})
			}
			one.Questions = append(one.Questions, question)
		}
		all[name] = one
	}
	return all
}

// announcements are what callers are told between two days, each from its first midnight to its last.
func announcements(f *configs.File) (list []line.Announcement) {
	midnight := func(d configs.Date, days int) time.Time {
		return time.Date(d.Year, d.Month, d.Day+days, 0, 0, 0, 0, f.Zone())
	}
	for _, a := range f.Announcements {
		list = append(list, line.Announcement{
			Name: a.Name, Clip: a.Clip, From: midnight(a.From, 0), To: midnight(a.To, 1), Lines: a.Lines,
			Queue: slices.Contains(a.Where, configs.InQueue), Closed: slices.Contains(a.Where, configs.InClosed),
		})
	}
	return list
}
