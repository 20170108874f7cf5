package queue

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Callers who need the same are one demand, operators who know the same are one ability. There are
// few of both, however many callers and operators there are, and who fits whom is decided once for
// each pair. A step looks only at demands and abilities that have changed, and there at who is first.

// A demand is all callers who need the same.
type demand struct {
	key      string
	rule     *ruled
	queues   []string // whose operators may take them: their own, then those of overflows
	language string
	need     Step
	bound    *operator // the only one who may, for a while; nil: all who fit

	wants [2][]*caller // by rank; see listKind
	users int          // callers filed here
	dirty bool
	fits  map[*ability]fit
}

// A listKind says which list of a demand a caller stands in.
type listKind int

const (
	noList listKind = iota
	unrung          // nobody is rung for them
	rung            // somebody is, and more may be
)

// An ability is all operators who know the same and serve the same queues in the same order.
type ability struct {
	key     string
	is      *Operator   // any of them
	free    []*operator // by idleness
	staff   Staff
	members int
	dirty   bool
}

// A fit is how well an ability meets a demand.
type fit struct {
	ok    bool
	cost  time.Duration // how much later those callers come for these operators, who take other queues first
	level int           // how well they know what is needed
}

// demandOf is the demand of the caller as it is now, made where there is none yet.
func (s *State) demandOf(c *caller) *demand {
	var key strings.Builder
	for _, part := range []string{c.Queue, string(c.Language), strconv.Itoa(c.step), strconv.Itoa(c.spread)} {
		key.WriteString(part)
		key.WriteByte(0)
	}
	if c.bound != nil {
		key.WriteString(c.bound.Name)
	}
	if d := s.demandBy[key.String()]; d != nil {
		d.bound = c.bound // one who has left and come back under the same name is another
		return d
	}
	d := &demand{
		key: key.String(), rule: c.rule, language: string(c.Language), need: c.need(), bound: c.bound,
		queues: []string{c.Queue}, fits: map[*ability]fit{},
	}
	for _, o := range c.rule.Overflow[:c.spread] {
		d.queues = append(d.queues, o.To)
	}
	s.forget()
	s.demandBy[d.key] = d
	s.demands = append(s.demands, d)
	s.unused++
	return d
}

// abilityOf is the ability of an operator, made where there is none yet.
func (s *State) abilityOf(o *Operator) *ability {
	var key strings.Builder
	skills := slices.Clone(o.Skills)
	for _, l := range o.Languages {
		skills = append(skills, Skill{string(l), o.level(string(l))})
	}
	slices.SortFunc(skills, func(a, b Skill) int { return cmp.Or(strings.Compare(a.Name, b.Name), b.Level-a.Level) })
	for _, k := range slices.Compact(skills) {
		key.WriteString(k.Name + "\x00" + strconv.Itoa(k.Level) + "\x00")
	}
	key.WriteString("\x00" + strings.Join(o.Queues, "\x00"))
	if a := s.abilityBy[key.String()]; a != nil {
		return a
	}
	a := &ability{key: key.String(), is: o}
	s.abilityBy[a.key] = a
	s.abilities = append(s.abilities, a)
	return a
}

// join gives the operator the ability that fits what they know now.
func (s *State) join(o *operator) {
	a := s.abilityOf(&o.Operator)
	if a == o.ability {
		a.is = &o.Operator
		return
	}
	s.disjoin(o)
	o.ability = a
	a.members++
	for _, c := range o.bound {
		s.touchCaller(c)
	}
}

// disjoin takes the operator out of their ability, and forgets one that nobody has.
func (s *State) disjoin(o *operator) {
	a := o.ability
	if a == nil {
		return
	}
	s.unfree(o)
	s.count(o, "")
	o.ability = nil
	if a.members--; a.members > 0 {
		i := slices.IndexFunc(s.operators, func(other *operator) bool { return other.ability == a })
		if i >= 0 {
			a.is = &s.operators[i].Operator
		}
		return
	}
	delete(s.abilityBy, a.key)
	s.abilities = slices.DeleteFunc(s.abilities, func(other *ability) bool { return other == a })
	for _, d := range s.demands {
		delete(d.fits, a)
	}
}

// fitOf says how an ability meets a demand.
func (s *State) fitOf(d *demand, a *ability) fit {
	f, known := d.fits[a]
	if !known {
		f = d.measure(a.is)
		d.fits[a] = f
	}
	return f
}

// inOrder is what each place further down an operator's list of queues costs a caller there: as if
// it had come so much later.
const inOrder = time.Minute

func (d *demand) measure(o *Operator) fit {
	f := fit{cost: -1}
	for _, q := range d.queues {
		cost := time.Duration(0)
		if len(o.Queues) > 0 {
			i := slices.Index(o.Queues, q)
			if i < 0 {
				continue
			}
			cost = time.Duration(i) * inOrder
		}
		if f.cost < 0 || cost < f.cost {
			f.cost = cost
		}
	}
	if f.cost < 0 {
		return fit{}
	}
	if d.language != "" {
		level := o.level(d.language)
		if level < d.need.Language {
			return fit{}
		}
		f.level += level
	}
	for _, k := range d.need.Skills {
		level := o.level(k.Name)
		if level < k.Level {
			return fit{}
		}
		f.level += level
	}
	f.ok = true
	return f
}

// mostUnused is how many demands are kept that no caller has now: the next one like it will not have
// to be compared with every ability again.
const mostUnused = 128

// forget drops the demands that no caller has, where they have become many.
func (s *State) forget() {
	if s.unused <= mostUnused {
		return
	}
	s.demands = slices.DeleteFunc(s.demands, func(d *demand) bool {
		if d.users == 0 {
			delete(s.demandBy, d.key)
		}
		return d.users == 0
	})
	s.unused = 0
}

// use counts the callers of a demand.
func (s *State) use(d *demand, by int) {
	if d.users == 0 {
		s.unused--
	}
	if d.users += by; d.users == 0 {
		s.unused++
	}
}
