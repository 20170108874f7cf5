package sip

import (
	"slices"
	"strings"
	"sync"
	"time"

	"hotline/call"
)

// Outgoing bounds the calls that leave by a trunk, whoever causes them: an operator's telephone, a
// transfer, the server. There is no other way out.
type Outgoing struct {
	Allow     []string             // E.164 prefixes with +, or whole short numbers
	Directory []string             // numbers that may always be called
	Emergency []string             // those of them that no cap and no hours hold up
	Own       []string             // our lines in all their spellings: never
	Open      func(time.Time) bool // nil: always
	Zone      *time.Location       // whose midnight begins a day; nil: that of the machine

	// Reserve is how many channels of each carrier that takes calls, and of our own sound, are left free
	// for emergencies, where there is anybody in Emergency.
	Reserve int

	Calls          int // at once
	PerOperator    int // at once of one operator
	PerNumberHour  int
	PerOperatorDay int
	PerDay         int
}

// reserve is how many channels are left free for emergencies: none where nobody can be called for help.
func (d *doorway) reserve() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.rules.Emergency) == 0 {
		return 0
	}
	return d.rules.Reserve
}

// A refusalWhy is why a call may not leave. The list is closed: it is a label of a metric.
type refusalWhy string

// Why.
const (
	whyOwn         refusalWhy = "own_number"
	whyNotAllowed  refusalWhy = "not_allowed"
	whyHours       refusalWhy = "hours"
	whyCalls       refusalWhy = "calls"
	whyOperator    refusalWhy = "operator"
	whyNumberHour  refusalWhy = "number_hour"
	whyOperatorDay refusalWhy = "operator_day"
	whyDay         refusalWhy = "day"
	whyNumber      refusalWhy = "no_number"
)

var refusalWhys = [...]refusalWhy{whyOwn, whyNotAllowed, whyHours, whyCalls, whyOperator, whyNumberHour, whyOperatorDay, whyDay, whyNumber}

// maxCounted bounds the table of numbers called in an hour. Where it is full no new number is
// called: that many calls an hour are nobody's work.
const maxCounted = 10_000

// A doorway is the one door for calls that leave: it counts and decides. What it has counted does
// not outlive the process.
type doorway struct {
	now func() time.Time

	mu         sync.Mutex
	rules      Outgoing
	numbers    Numbers
	all        int
	byOperator map[string]int
	hour, day  time.Time
	toNumber   map[string]int // in this hour
	ofOperator map[string]int // in this day
	today      int
}

func newDoorway(now func() time.Time) *doorway {
	return &doorway{now: now, byOperator: map[string]int{}, toNumber: map[string]int{}, ofOperator: map[string]int{}}
}

// set takes other rules. What is counted stays.
func (d *doorway) set(o Outgoing, n Numbers) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rules, d.numbers = o, n
}

// admit lets a call out, or says why not. leave must be called when it is over.
func (d *doorway) admit(o call.Outside) (number string, leave func(), why refusalWhy) {
	d.mu.Lock()
	defer d.mu.Unlock()
	number = d.numbers.E164(o.To.Raw())
	if why = d.forbids(number); why != "" {
		return "", nil, why
	}
	if o.Emergency && d.among(d.rules.Emergency, number) {
		return number, func() {}, ""
	}
	now := d.now()
	if d.rules.Zone != nil {
		now = now.In(d.rules.Zone)
	}
	if d.rules.Open != nil && !d.rules.Open(now) {
		return "", nil, whyHours
	}
	d.turn(now)
	switch {
	case d.all >= d.rules.Calls:
		return "", nil, whyCalls
	case o.Operator != "" && d.byOperator[o.Operator] >= d.rules.PerOperator:
		return "", nil, whyOperator
	case d.today >= d.rules.PerDay:
		return "", nil, whyDay
	case d.toNumber[number] >= d.rules.PerNumberHour, d.toNumber[number] == 0 && len(d.toNumber) >= maxCounted:
		return "", nil, whyNumberHour
	case o.Operator != "" && d.ofOperator[o.Operator] >= d.rules.PerOperatorDay:
		return "", nil, whyOperatorDay
	}
	d.all++
	d.today++
	d.toNumber[number]++
	if o.Operator != "" {
		d.byOperator[o.Operator]++
		d.ofOperator[o.Operator]++
	}
	return number, sync.OnceFunc(func() { d.left(o.Operator) }), ""
}

// helps says that a number is one that no cap and no hours hold up.
func (d *doorway) helps(number string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.among(d.rules.Emergency, number)
}

// forbids says why a number may not be called by anybody.
func (d *doorway) forbids(number string) refusalWhy {
	switch {
	case strings.Trim(strings.TrimPrefix(number, "+"), "0123456789") != "" || len(number) < 2:
		return whyNumber
	case d.own(number):
		return whyOwn
	case d.among(d.rules.Directory, number), d.among(d.rules.Emergency, number), d.allowed(number):
		return ""
	}
	return whyNotAllowed
}

// among compares numbers by what they mean, not by how they are written.
func (d *doorway) among(list []string, number string) bool {
	return slices.ContainsFunc(list, func(n string) bool { return d.numbers.E164(n) == number })
}

// own says that a number is one of our lines. Networks forgive a national prefix behind the country
// code (+994 0 12 …), so it is forgiven here too.
func (d *doorway) own(number string) bool {
	if rest, ok := strings.CutPrefix(number, "+"+d.numbers.Country+d.numbers.National); ok && d.numbers.National != "" &&
		d.among(d.rules.Own, "+"+d.numbers.Country+rest) {
		return true
	}
	return d.among(d.rules.Own, number)
}

// spelled is a number of ours as the configuration writes it, however it was dialled; what is none
// of ours stays as it is.
func (d *doorway) spelled(dialled string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	full := d.numbers.E164(dialled)
	for _, own := range d.rules.Own {
		if d.numbers.E164(own) == full {
			return own
		}
	}
	return dialled
}

func (d *doorway) allowed(number string) bool {
	return slices.ContainsFunc(d.rules.Allow, func(p string) bool {
		return p == number || (strings.HasPrefix(p, "+") && strings.HasPrefix(number, p))
	})
}

// turn forgets what was counted in the hour and the day before.
func (d *doorway) turn(now time.Time) {
	if hour := now.Truncate(time.Hour); !hour.Equal(d.hour) {
		d.hour = hour
		clear(d.toNumber)
	}
	if y, m, day := now.Date(); !time.Date(y, m, day, 0, 0, 0, 0, now.Location()).Equal(d.day) {
		d.day = time.Date(y, m, day, 0, 0, 0, 0, now.Location())
		d.today = 0
		clear(d.ofOperator)
	}
}

func (d *doorway) left(operator string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if operator == "" {
		return
	}
	if d.byOperator[operator]--; d.byOperator[operator] == 0 {
		delete(d.byOperator, operator)
	}
}

// SetOutgoing replaces the rules for calls that leave, and how numbers are read.
func (s *Server) SetOutgoing(o Outgoing, n Numbers) {
	s.doorway.set(o, n)
}

// MayCall reports whether a number may be called by the server on somebody's word: it is let out, it
// is none of ours and no emergency number, and there is a trunk that takes calls. No cap is asked.
// Empty asks whether there is any such number besides those of the directory.
func (s *Server) MayCall(to call.Number) bool {
	s.mu.Lock()
	out := false
	for _, t := range s.trunks {
		out = out || len(t.carrier.To) > 0
	}
	s.mu.Unlock()
	return out && s.doorway.may(to)
}

func (d *doorway) may(to call.Number) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	number := d.numbers.E164(to.Raw())
	now := d.now()
	if d.rules.Zone != nil {
		now = now.In(d.rules.Zone)
	}
	if d.rules.Open != nil && !d.rules.Open(now) {
		return false
	}
	if to == "" {
		return len(d.rules.Allow) > 0
	}
	return d.forbids(number) == "" && !d.among(d.rules.Emergency, number)
}
