package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Holidays names a set of days on which a line is closed.
type Holidays string

// The sets.
const (
	HolidaysNone Holidays = "none"
	HolidaysAZ   Holidays = "az"
)

// A fixedDay is a non-working day whose date is the same each year.
type fixedDay struct {
	month   time.Month
	day     int
	since   int  // the first year; 0: older than we count
	holiday bool // false: 20 January, on whose weekends the law is silent
}

// fixedDays are those of Azerbaijan (Labour Code 105; 20 January: 106). 18 October, 12 and 17
// November and 27 September are worked.
var fixedDays = []fixedDay{
	{month: time.January, day: 1, holiday: true},
	{month: time.January, day: 2, holiday: true},
	{month: time.January, day: 20},
	{month: time.March, day: 8, holiday: true},
	{month: time.May, day: 9, holiday: true},
	{month: time.May, day: 28, holiday: true},
	{month: time.June, day: 15, holiday: true},
	{month: time.June, day: 26, holiday: true},
	{month: time.November, day: 8, since: 2021, holiday: true},
	{month: time.November, day: 9, holiday: true},
	{month: time.December, day: 31, holiday: true},
}

// mourningDays are without music where nobody says else: 20 January, and 27 September, which is
// worked.
var mourningDays = []Anniversary{{Month: time.January, Day: 20}, {Month: time.September, Day: 27}}

// Movable are the holidays of a year whose dates the Cabinet of Ministers announces by the end of
// the year before. They follow the moon and the sky: nothing here computes them.
type Movable struct {
	Novruz  DateList `yaml:"novruz"`
	Ramazan DateList `yaml:"ramazan"`
	Qurban  DateList `yaml:"qurban"`
}

// missing names the feasts that have no dates.
func (m Movable) missing() (names []string) {
	for _, f := range m.feasts() {
		if len(f.dates) == 0 {
			names = append(names, f.name)
		}
	}
	return names
}

// A feast is one of the movable holidays, and how many days it has.
type feast struct {
	name        string
	dates       DateList
	least, most int
}

// feasts are the movable holidays. The lunar ones may come twice in a year: in 2030 Ramazan's do.
func (m Movable) feasts() []feast {
	return []feast{{"novruz", m.Novruz, 5, 5}, {"ramazan", m.Ramazan, 2, 4}, {"qurban", m.Qurban, 2, 4}}
}

// A yearOff is what a year takes out of the week.
type yearOff struct {
	holiday map[Date]bool // non-working by itself
	moved   map[Date]bool // off in place of another: Labour Code 105.5 and 105.6
}

// off finds the days of a year on which the calendar is closed whatever the weekday.
//
// A weekly rest day on which a holiday falls moves to the working day after it (105.5), and so does
// a day of Ramazan or Qurban on which another holiday falls (105.6). Rest days are those of Saturday
// and Sunday to which the week gives no hours. Whether 20 January moves is not stated, so it does not.
func (c Calendar) off(year int) yearOff {
	out := yearOff{holiday: map[Date]bool{}, moved: map[Date]bool{}}
	if c.Holidays != HolidaysAZ {
		return out
	}
	names := c.names(year) // how many holidays a day is; 0: 20 January
	days := make([]Date, 0, len(names))
	for d := range names {
		days = append(days, d)
	}
	slices.SortFunc(days, Date.Compare)
	for _, d := range days {
		if d.Year == year {
			out.holiday[d] = true
		}
		owed := max(0, names[d]-1)
		if names[d] > 0 && c.rests(d) {
			owed++
		}
		for at := d.plus(1); owed > 0; at = at.plus(1) {
			if _, named := names[at]; named || out.moved[at] || c.rests(at) {
				continue
			}
			out.moved[at] = true
			owed--
		}
	}
	return out
}

// names counts the holidays that each day is, of a year and of the December before: 31 December
// may move into January.
func (c Calendar) names(year int) map[Date]int {
	names := map[Date]int{}
	from := Date{year - 1, time.December, 1}
	add := func(d Date, holidays int) {
		if d.Year <= year && d.Compare(from) >= 0 {
			names[d] += holidays
		}
	}
	for _, y := range []int{year - 1, year} {
		for _, f := range fixedDays {
			switch d := (Date{y, f.month, f.day}); {
			case y < f.since:
			case f.holiday:
				add(d, 1)
			default:
				add(d, 0)
			}
		}
		for _, f := range c.Movable[Year(y)].feasts() {
			for _, d := range f.dates {
				add(d, 1)
			}
		}
	}
	return names
}

// rests reports whether a day is one of weekly rest.
func (c Calendar) rests(d Date) bool {
	w := d.Weekday()
	return (w == time.Saturday || w == time.Sunday) && len(c.Week.On(w)) == 0
}

// mourning reports whether a day is one without music.
func (c Calendar) mourning(d Date) bool {
	days := c.Mourning
	if days == nil && c.Holidays == HolidaysAZ {
		days = mourningDays
	}
	return slices.ContainsFunc(days, func(a Anniversary) bool { return a.on(d) })
}

// announced is how long before a year its movable holidays must be known, in days: the decision
// comes by the end of December, and on the 20th somebody should ask for it.
const announced = 12

// MovableMissing says which of the movable holidays that should be known on a day are not: those of
// its own year, and from 20 December on of the next.
func (c Calendar) MovableMissing(day Date) (year int, feasts []string) {
	if c.Holidays != HolidaysAZ {
		return 0, nil
	}
	year = day.plus(announced).Year
	return year, c.Movable[Year(year)].missing()
}

// A Year is one of the calendar.
type Year int

func (y *Year) parse(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || len(text) != 4 || !isDigits(text) {
		return wrong("write a year, such as 2027", "%s is no year", quote(text))
	}
	*y = Year(n)
	return nil
}

// A DateList is days as the file writes them: dates, and spans of dates, after one another.
type DateList []Date

func (l *DateList) parse(text string) error {
	const want = "write dates such as 2027-03-20 to 2027-03-24, or 2027-03-20, 2027-03-22"
	var out DateList
	for part := range strings.SplitSeq(text, ",") {
		first, last, isSpan := strings.Cut(part, " to ")
		if !isSpan {
			last = first
		}
		var from, to Date
		if from.parse(strings.TrimSpace(first)) != nil || to.parse(strings.TrimSpace(last)) != nil {
			return wrong(want, "%s is no date and no span of dates", quote(strings.TrimSpace(part)))
		}
		if from.Compare(to) > 0 || to.Compare(from.plus(31)) > 0 {
			return wrong(want, "%s is no span of a few days", quote(strings.TrimSpace(part)))
		}
		for d := from; d.Compare(to) <= 0; d = d.plus(1) {
			if len(out) > 0 && d.Compare(out[len(out)-1]) <= 0 {
				return wrong("write each day once, in order", "%s does not come after %s", d, out[len(out)-1])
			}
			out = append(out, d)
		}
	}
	*l = out
	return nil
}

// An Anniversary is a day of each year, or of one: as the file writes it, 01-20 or 2024-12-26.
type Anniversary struct {
	Year  int // 0: each
	Month time.Month
	Day   int
}

func (a Anniversary) on(d Date) bool {
	return (a.Year == 0 || a.Year == d.Year) && a.Month == d.Month && a.Day == d.Day
}

func (a Anniversary) String() string {
	if a.Year == 0 {
		return fmt.Sprintf("%02d-%02d", a.Month, a.Day)
	}
	return Date(a).String()
}

func (a *Anniversary) parse(text string) error {
	var d Date
	if d.parse(text) == nil {
		*a = Anniversary(d)
		return nil
	}
	if d.parse("2000-"+text) != nil { // a leap year: 02-29 is a day
		return wrong("write MONTH-DAY for each year, such as 01-20, or YEAR-MONTH-DAY for one", "%s is no day", quote(text))
	}
	*a = Anniversary{Month: d.Month, Day: d.Day}
	return nil
}
