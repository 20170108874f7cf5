package configs

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Calendar says when a line is open.
type Calendar struct {
	Week     Week           `yaml:"week"`
	Holidays Holidays       `yaml:"holidays"`
	Dates    map[Date]Hours `yaml:"dates"` // single days; they win over week and holidays
}

// Open reports whether t, on the clock of zone, lies in the hours of its day.
func (c Calendar) Open(t time.Time, zone *time.Location) bool {
	local := t.In(zone)
	return c.Hours(DateOf(local)).hold(local.Hour()*60 + local.Minute())
}

// Hours are those of one day: of the date itself, else none on a holiday, else of the weekday.
func (c Calendar) Hours(day Date) Hours {
	if h, ok := c.Dates[day]; ok {
		return h
	}
	if c.Holidays.On(day) {
		return nil
	}
	return c.Week.On(day.Weekday())
}

// Holidays names a set of days on which a line is closed.
type Holidays string

// The sets.
const (
	HolidaysNone Holidays = "none"
	HolidaysAZ   Holidays = "az"
)

// azFixed are the non-working days of Azerbaijan whose date is the same each year: Labour Code
// articles 105 and 106 (20 January). Novruz, Qurban, Ramazan, days transferred from a weekend
// and swapped days are announced by the Cabinet of Ministers; they are never computed.
var azFixed = map[time.Month][]int{
	time.January:  {1, 2, 20},
	time.March:    {8},
	time.May:      {9, 28},
	time.June:     {15, 26},
	time.November: {8, 9},
	time.December: {31},
}

// On reports whether a day belongs to the set.
func (h Holidays) On(day Date) bool {
	if h != HolidaysAZ {
		return false
	}
	for _, d := range azFixed[day.Month] {
		if d == day.Day {
			return true
		}
	}
	return false
}

// A Date is a day of the calendar, in no time zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day of t in t's own zone.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday {
	return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC).Weekday()
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

func (d *Date) parse(text string) error {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return wrong("write YEAR-MONTH-DAY, such as 2026-12-05", "%s is no date", quote(text))
	}
	*d = DateOf(t)
	return nil
}

// Days is a weekday, or a run of them that may go over the weekend, such as sat-mon.
type Days struct{ From, To time.Weekday }

// Has reports whether a weekday belongs to the run.
func (d Days) Has(w time.Weekday) bool {
	return (w-d.From+7)%7 <= (d.To-d.From+7)%7
}

func (d Days) String() string {
	if d.From == d.To {
		return dayNames[d.From]
	}
	return dayNames[d.From] + "-" + dayNames[d.To]
}

var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (d *Days) parse(text string) error {
	from, to, isRun := strings.Cut(text, "-")
	if !isRun {
		to = from
	}
	a, ok1 := weekday(from)
	b, ok2 := weekday(to)
	if !ok1 || !ok2 {
		return wrong("write mon, tue, wed, thu, fri, sat or sun, or a run such as mon-fri", "%s is no day of the week", quote(text))
	}
	*d = Days{a, b}
	return nil
}

func weekday(name string) (time.Weekday, bool) {
	for i, n := range dayNames {
		if n == name {
			return time.Weekday(i), true
		}
	}
	return 0, false
}

// A Week gives hours to weekdays. No weekday is in two of its keys.
type Week map[Days]Hours

// On gives the hours of a weekday; none where it is not named.
func (w Week) On(day time.Weekday) Hours {
	for days, hours := range w {
		if days.Has(day) {
			return hours
		}
	}
	return nil
}

// Hours are the spans of a day in which a line is open, in order. None: closed.
type Hours []Span

// A Span is a time of the day, in minutes since midnight. To, at most 1440, is the first minute
// that is outside.
type Span struct{ From, To int }

func (h Hours) hold(minute int) bool {
	for _, s := range h {
		if s.From <= minute && minute < s.To {
			return true
		}
	}
	return false
}

func (h *Hours) parse(text string) error {
	const want = "write closed, or spans such as 09:00-18:00 or 09:00-13:00,14:00-18:00"
	if text == "closed" {
		*h = Hours{}
		return nil
	}
	var out Hours
	for part := range strings.SplitSeq(text, ",") {
		a, b, _ := strings.Cut(strings.TrimSpace(part), "-")
		from, ok1 := clock(a)
		to, ok2 := clock(b)
		switch {
		case !ok1 || !ok2:
			return wrong(want, "%s is no span of hours", quote(part))
		case to <= from:
			return wrong("end it at 24:00 and begin the next day with 00:00", "%s does not end after it begins", quote(part))
		case len(out) > 0 && from < out[len(out)-1].To:
			return wrong("write the spans in order and apart", "%s begins before the span in front of it ends", quote(part))
		}
		out = append(out, Span{from, to})
	}
	*h = out
	return nil
}

// clock reads HH:MM, from 00:00 to 24:00, as minutes since midnight.
func clock(text string) (int, bool) {
	if len(text) != 5 || text[2] != ':' || !isDigits(text[:2]) || !isDigits(text[3:]) {
		return 0, false
	}
	h, _ := strconv.Atoi(text[:2])
	m, _ := strconv.Atoi(text[3:])
	at := h*60 + m
	return at, m < 60 && at <= 24*60
}
