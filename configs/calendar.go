package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Calendar says when a line is open. Schedule answers from it.
type Calendar struct {
	Week     Week             `yaml:"week"`
	Says     string           `yaml:"says"`     // the clip that tells the hours of the week; empty: see says
	Holidays Holidays         `yaml:"holidays"` // days on which it is closed
	Movable  map[Year]Movable `yaml:"movable"`  // those of the holidays that are decided each year
	Eve      Duration         `yaml:"eve"`      // how much earlier the day before a holiday ends
	Mourning []Anniversary    `yaml:"mourning"` // days without music; nil: those that go with Holidays
	Dates    map[Date]Day     `yaml:"dates"`    // single days; they win over week and holidays
}

// standardHours are those that the shipped clip closed.hours tells.
var standardHours = Hours{{9 * 60, 18 * 60}}

// says is the clip that tells the hours of the week: the calendar's own, else the shipped one
// where it is true, else none.
func (c Calendar) says() string {
	if c.Says != "" {
		return c.Says
	}
	for day := time.Sunday; day <= time.Saturday; day++ {
		want := standardHours
		if day == time.Saturday || day == time.Sunday {
			want = nil
		}
		if !slices.Equal(c.Week.On(day), want) {
			return ""
		}
	}
	return "closed.hours"
}

// A Day is what holds on a single date, instead of week and holidays. The file writes its hours
// alone or {hours: …, clip: …}.
type Day struct {
	Hours Hours  `yaml:"hours"`
	Clip  string `yaml:"clip"` // says why, to those who call outside the hours
}

func (d *Day) short(text string) error { return d.Hours.parse(text) }

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

// plus is the day so many days later, or earlier.
func (d Date) plus(days int) Date {
	return DateOf(time.Date(d.Year, d.Month, d.Day+days, 12, 0, 0, 0, time.UTC))
}

// Compare orders days: negative where d is the earlier.
func (d Date) Compare(o Date) int {
	return cmp.Or(d.Year-o.Year, int(d.Month-o.Month), d.Day-o.Day)
}

// at is the moment of so many minutes on the day's clock; 1440 is the midnight that ends it.
func (d Date) at(minute int, zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, minute, 0, 0, zone)
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

// shorter is h with so many minutes taken from its end.
func (h Hours) shorter(minutes int) Hours {
	if len(h) == 0 || minutes == 0 {
		return h
	}
	end := h[len(h)-1].To - minutes
	var out Hours
	for _, s := range h {
		if s.From < end {
			out = append(out, Span{s.From, min(s.To, end)})
		}
	}
	return out
}

// Parse reads hours as the file writes them: "closed", or spans such as "09:00-13:00,14:00-18:00".
func (h *Hours) Parse(text string) error { return h.parse(text) }

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
