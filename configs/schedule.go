package configs

import (
	"sync"
	"time"

	"hotline/call"
)

// A Schedule answers questions about hours: a calendar on the clock of a zone, or always. It
// implements call.Hours and may be used from any goroutine.
type Schedule struct {
	calendar Calendar
	always   bool
	zone     *time.Location
	years    sync.Map // int → yearOff: the same each time
}

var _ call.Hours = (*Schedule)(nil)

// Hours gives what a line, an entry of the directory or the door for calls out names: Always or a
// calendar of the file.
func (f *File) Hours(name string) *Schedule {
	return &Schedule{calendar: f.Calendars[name], always: name == Always, zone: f.Zone()}
}

// In puts the calendar on the clock of a zone.
func (c Calendar) In(zone *time.Location) *Schedule { return &Schedule{calendar: c, zone: zone} }

// horizon is how many days are searched for a border.
const horizon = 366

// Open implements call.Hours.
func (s *Schedule) Open(t time.Time) bool {
	if s.always {
		return true
	}
	for _, o := range s.around(t) {
		if o.has(t) {
			return true
		}
	}
	return false
}

// Next implements call.Hours.
func (s *Schedule) Next(t time.Time) time.Time {
	if s.Open(t) {
		return t
	}
	return s.Until(t)
}

// Until implements call.Hours.
func (s *Schedule) Until(t time.Time) time.Time {
	if s.always {
		return time.Time{}
	}
	today := DateOf(t.In(s.zone))
	if !s.Open(t) {
		for i := -1; i <= horizon; i++ {
			for _, o := range s.spans(today.plus(i)) {
				if o.from.After(t) {
					return o.from
				}
			}
		}
		return time.Time{}
	}
	end := t
	for i := -1; i <= horizon; i++ {
		for _, o := range s.spans(today.plus(i)) {
			switch {
			case o.has(end):
				end = o.to // and where the next one begins at once, its end
			case o.from.After(end):
				return end
			}
		}
	}
	return time.Time{}
}

// Reason implements call.Hours.
func (s *Schedule) Reason(t time.Time) call.Closure {
	if s.Open(t) {
		return call.Closure{Why: call.IsOpen}
	}
	today := DateOf(t.In(s.zone))
	day := s.plan(today)
	switch {
	case day.kind == ofDate && day.clip != "":
		return call.Closure{Why: call.Special, Clip: day.clip}
	case len(day.hours) == 0 && (day.kind == ofDate || day.kind == ofHoliday):
		return call.Closure{Why: call.NonWorking}
	}
	for i, span := range day.hours[:max(0, len(day.hours)-1)] {
		gap := Span{span.To, day.hours[i+1].From}
		if gap.To-gap.From > longestLunch || t.Before(today.at(gap.From, s.zone)) || !t.Before(today.at(gap.To, s.zone)) {
			continue
		}
		if gap == (Span{13 * 60, 14 * 60}) { // what the clip says
			return call.Closure{Why: call.Lunch, Clip: "closed.lunch"}
		}
		return call.Closure{Why: call.Lunch}
	}
	if day.kind == ofWeek {
		return call.Closure{Why: call.AfterHours, Clip: s.calendar.says()}
	}
	return call.Closure{Why: call.AfterHours} // today's hours are not those that the clip tells
}

// longestLunch is how long a pause between two spans may be to be one for lunch, in minutes.
const longestLunch = 120

// Mourning implements call.Hours.
func (s *Schedule) Mourning(t time.Time) bool {
	return !s.always && s.calendar.mourning(DateOf(t.In(s.zone)))
}

// WorkingDay is the nth day with hours after a day, which itself never counts: a term of one working
// day that begins with a Friday's request ends on Monday. It is zero where there are not so many
// within n years.
func (s *Schedule) WorkingDay(after Date, n int) Date {
	day := after
	for range n * horizon {
		day = day.plus(1)
		if s.always || len(s.plan(day).hours) > 0 {
			n--
		}
		if n == 0 {
			return day
		}
	}
	return Date{}
}

// A plan is what a day is.
type plan struct {
	hours Hours
	kind  planKind
	clip  string
}

// A planKind is what gave a day its hours.
type planKind int

const (
	ofWeek    planKind = iota
	ofEve              // the week, shortened
	ofHoliday          // none
	ofDate             // the day's own
)

func (s *Schedule) plan(day Date) plan {
	c := s.calendar
	if own, ok := c.Dates[day]; ok {
		return plan{own.Hours, ofDate, own.Clip}
	}
	if off := s.off(day.Year); off.holiday[day] || off.moved[day] {
		return plan{kind: ofHoliday}
	}
	week := c.Week.On(day.Weekday())
	if c.Eve > 0 && s.eve(day) {
		return plan{week.shorter(int(c.Eve.D() / time.Minute)), ofEve, ""}
	}
	return plan{week, ofWeek, ""}
}

// eve reports whether the next day is a non-working holiday or 20 January (Labour Code 108), and
// nobody has made it a working one.
func (s *Schedule) eve(day Date) bool {
	next := day.plus(1)
	own, ok := s.calendar.Dates[next]
	return s.off(next.Year).holiday[next] && (!ok || len(own.Hours) == 0)
}

func (s *Schedule) off(year int) yearOff {
	if known, ok := s.years.Load(year); ok {
		return known.(yearOff) //nolint:forcetypeassert // nothing else is stored
	}
	off := s.calendar.off(year)
	s.years.Store(year, off)
	return off
}

// A stretch is a time between two moments, the second one outside.
type stretch struct{ from, to time.Time }

func (o stretch) has(t time.Time) bool { return !t.Before(o.from) && t.Before(o.to) }

// spans are the open ones of a day, as moments. Where the clocks change, a span keeps what its ends
// are on the clock and becomes longer, shorter or nothing.
func (s *Schedule) spans(day Date) (out []stretch) {
	for _, h := range s.plan(day).hours {
		if o := (stretch{day.at(h.From, s.zone), day.at(h.To, s.zone)}); o.from.Before(o.to) {
			out = append(out, o)
		}
	}
	return out
}

// around are the spans that t can lie in. A zone that changes its clocks at midnight gives the
// moment of 00:00 to the day before.
func (s *Schedule) around(t time.Time) (out []stretch) {
	today := DateOf(t.In(s.zone))
	for i := -1; i <= 1; i++ {
		out = append(out, s.spans(today.plus(i))...)
	}
	return out
}
