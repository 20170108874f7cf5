package app

import (
	"maps"
	"slices"
	"time"

	"hotline/call"
	"hotline/configs"
	"hotline/line"
	"hotline/media"
	"hotline/queue"
	"hotline/sip"
	"hotline/store"
)

// The functions here say in each part's own words what the configuration file says.

func carriers(f *configs.File) []sip.Carrier {
	cs := make([]sip.Carrier, len(f.SIP.Trunks.Carriers))
	for i, c := range f.SIP.Trunks.Carriers {
		cs[i] = sip.Carrier{Name: c.Name, From: c.From, Media: c.Sound(), Called: string(c.Called),
			TLS: sip.CarrierTLS{CA: c.TLS.CA, Certificate: c.TLS.Certificate, Key: c.TLS.Key, Name: c.TLS.Name}, ShowHidden: c.ShowHidden,
			Register: sip.Account{User: c.Register.User, Password: c.Register.Password, Realm: c.Register.Realm, Expires: c.Register.Expires.D()},
			Options:  c.Options.D(), Numbers: string(c.Numbers), Calls: c.Calls, Priority: c.Priority, Weight: c.Weight,
		}
		for _, h := range c.To {
			cs[i].To = append(cs[i].To, sip.Host{Host: h.Host, Port: h.Port, Transport: string(h.Transport)})
		}
	}
	return cs
}

// outgoing is what may leave by a trunk: the allow-list, and whoever is in the directory; never
// our own numbers. Its hours go by the clock given.
func outgoing(f *configs.File, now func() time.Time) (sip.Outgoing, sip.Numbers) {
	o := sip.Outgoing{
		Allow: f.Outgoing.Allow, Calls: f.Outgoing.Calls, PerOperator: f.Outgoing.PerOperator,
		PerNumberHour: f.Outgoing.PerNumberHour, PerOperatorDay: f.Outgoing.PerOperatorDay, PerDay: f.Outgoing.PerDay, Zone: f.Zone(),
		Reserve: f.Emergency.Reserve,
	}
	if f.Outgoing.Hours != configs.Always {
		hours := f.Hours(f.Outgoing.Hours)
		o.Open = func(time.Time) bool { return hours.Open(now()) }
	}
	for _, e := range f.Directory {
		o.Directory = append(o.Directory, e.Number)
		if e.Emergency {
			o.Emergency = append(o.Emergency, e.Number)
		}
	}
	for _, l := range f.Lines {
		o.Own = append(append(o.Own, l.Number), l.Also...)
	}
	return o, numbers(f)
}

// numbers is how numbers are written where we are.
func numbers(f *configs.File) sip.Numbers {
	return sip.Numbers{Country: f.Numbers.Country, National: f.Numbers.National, International: f.Numbers.International}
}

// limits are how many calls are taken, with what 0 stands for.
func limits(f *configs.File) sip.Limits {
	l := sip.Limits{Calls: f.Calls(), CallsPerSecond: f.Limits.CallsPerSecond, PerNumber: f.Limits.PerNumber}
	if l.CallsPerSecond == 0 {
		l.CallsPerSecond = sip.EngineeredCalls()
	}
	if l.PerNumber == 0 {
		l.PerNumber = max(20, l.Calls/4)
	}
	return l
}

// trunksOf gives the carriers of each line's calls out.
func trunksOf(f *configs.File) map[string][]string {
	by := make(map[string][]string)
	for _, l := range f.Lines {
		by[l.Number] = l.Trunks
	}
	return by
}

func files(t configs.TLS) sip.TLSFiles { return sip.TLSFiles{Certificate: t.Certificate, Key: t.Key} }

func endpoints(es []configs.Endpoint) []string {
	listen := make([]string, len(es))
	for i, e := range es {
		listen[i] = e.String()
	}
	return listen
}

func rules(f *configs.File) []queue.Rules {
	rs := make([]queue.Rules, len(f.Queues))
	for i, q := range f.Queues {
		rs[i] = queue.Rules{
			Name: q.Name, Target: q.Target.D(), Short: q.Short.D(), Offer: q.Offer.D(), WrapUp: q.WrapUp.D(),
			ReadyOnRegister: q.Operators.ReadyOnRegister, PauseAfter: q.Operators.PauseAfter,
			Strategy: queue.Strategy(q.Strategy), AtOnce: q.AtOnce, HeadStart: q.HeadStart.D(), LastOperator: q.Last.D(),
			Limit: q.Limit, Longest: q.Longest.D(),
			Callback: queue.Callback{Tries: q.Callback.Tries, Pause: q.Callback.Pause.D()},
		}
		for _, step := range q.Steps {
			s := queue.Step{After: step.After.D(), Language: step.Language}
			step.Levels(func(skill string, level int) { s.Skills = append(s.Skills, queue.Skill{Name: skill, Level: level}) })
			rs[i].Steps = append(rs[i].Steps, s)
		}
		for _, o := range q.Overflow {
			rs[i].Overflow = append(rs[i].Overflow, queue.Overflow{After: o.After.D(), To: o.To})
		}
	}
	return rs
}

// houseRules are those of all queues.
func houseRules(f *configs.File) queue.House {
	h := queue.House{Refuse: f.Operators.CoverBreach == configs.BreachRefuse}
	for _, l := range f.Operators.Covers() {
		h.Cover = append(h.Cover, queue.Cover{Language: l, Operators: f.Operators.Cover[l]})
	}
	return h
}

// queueHours are the hours of each queue: those of the lines whose menus lead there, or of all lines where
// none does and calls are put through to it.
func queueHours(f *configs.File) map[string][]*configs.Schedule {
	by := map[string][]*configs.Schedule{}
	var all []*configs.Schedule
	for _, l := range f.Lines {
		h := f.Hours(l.Hours)
		all = append(all, h)
		for _, q := range f.QueuesOf(l) {
			by[q] = append(by[q], h)
		}
	}
	for _, q := range f.Queues {
		if by[q.Name] == nil {
			by[q.Name] = all
		}
	}
	return by
}

func settings(f *configs.File) line.Settings {
	s := line.Settings{
		Languages: f.Languages, Policy: line.Policy(f.Recording.Policy),
		Limit: f.Calls(), Waiting: f.Limits.Waiting, Whisper: f.Prompts.Whisper, Queues: map[string]line.Queue{},
		Pauses: f.Operators.Pauses, Topic: f.Topic,
		Ring: f.Transfer.Ring.D(), Spell: numbers(f).E164,
		Emergency: emergency(f),
		Pause:     line.PauseBounds{Longest: f.Recording.Pause.Longest.D(), Notice: f.Recording.Pause.Notice}, Tone: f.Recording.Tone.D(),
	}
	for _, q := range f.Queues {
		s.Queues[q.Name] = line.Queue{
			AutoAnswer: q.AutoAnswer, SayEvery: q.SayEvery.D(), Position: q.Position, Estimate: q.Estimate,
			Comfort: q.Comfort, Leave: q.Nobody == configs.WayLeave,
			CallbackAbove: q.Callback.Above.D(), CallbackKey: byte('0' + q.Callback.Key), CallbackLast: q.Then == configs.WayCallback,
			Survey: q.Survey,
		}
	}
	for _, e := range f.Directory {
		s.Directory = append(s.Directory, line.Entry{
			Name: e.Name, Number: call.Number(e.Number), Languages: e.Languages, Emergency: e.Emergency, Open: f.Hours(e.Hours).Open,
		})
	}
	s.Surveys, s.Announcements = surveys(f), announcements(f)
	s.Status = line.StatusBounds{Least: f.Status.Digits.Least, Most: f.Status.Digits.Most, Tries: f.Status.Tries}
	nodes := menus(f)
	for _, l := range f.Lines {
		n := line.Number{
			Number: l.Number, Also: l.Also, Menus: nodes, Queues: f.QueuesOf(l),
			Open: line.Start{Menu: l.Start, Person: f.Person(l.Start)},
		}
		if l.Closed != "" {
			n.Closed = line.Start{Menu: l.Closed, Person: f.Person(l.Closed)}
		}
		if len(n.Queues) > 0 {
			n.Queue = n.Queues[0]
		}
		if l.Hours != configs.Always {
			n.Hours = f.Hours(l.Hours)
		}
		s.Lines = append(s.Lines, n)
	}
	return s
}

func engine(f *configs.File) string {
	if f.Media.Engine == configs.EngineAuto {
		return ""
	}
	return string(f.Media.Engine)
}

func ports(f *configs.File) media.PortRange {
	return media.PortRange{First: int(f.Media.Ports.First), Last: int(f.Media.Ports.Last)}
}

// autoAnswers are the users whose telephones are asked to answer by themselves in any queue.
func autoAnswers(users []store.User) map[string]bool {
	on := map[string]bool{}
	for _, u := range users {
		if u.AutoAnswer {
			on[u.Name] = true
		}
	}
	return on
}

// operators are the users who take calls.
func operators(users []store.User) []queue.Operator {
	var ops []queue.Operator
	for _, u := range users {
		if !u.Phone && u.Role != "operator" {
			continue
		}
		o := queue.Operator{Name: u.Name, Languages: u.Languages, Queues: u.Queues, Disabled: u.Disabled}
		for _, name := range slices.Sorted(maps.Keys(u.Skills)) {
			o.Skills = append(o.Skills, queue.Skill{Name: name, Level: u.Skills[name]})
		}
		ops = append(ops, o)
	}
	return ops
}
