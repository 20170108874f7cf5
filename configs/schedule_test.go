package configs

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
)

// calendar reads one, with what the law and the Cabinet said of some years.
func calendar(t testing.TB, more ...string) Calendar {
	t.Helper()
	f, err := Parse("h.yaml", []byte(`
calendars:
  office:
    week: {mon-fri: "09:00-18:00"}
    holidays: az
    movable:
      2014: {novruz: 2014-03-20 to 2014-03-24, ramazan: 2014-07-28 to 2014-07-29, qurban: 2014-10-04 to 2014-10-05}
      2015: {novruz: 2015-03-20 to 2015-03-24, ramazan: 2015-07-17 to 2015-07-18, qurban: 2015-09-24 to 2015-09-25}
      2016: {novruz: 2016-03-20 to 2016-03-24, ramazan: 2016-07-06 to 2016-07-07, qurban: 2016-09-12 to 2016-09-13}
      2026: {novruz: 2026-03-20 to 2026-03-24, ramazan: 2026-03-20 to 2026-03-21, qurban: 2026-05-27 to 2026-05-28}
`+strings.Join(more, "\n")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return f.Calendars["office"]
}

func baku(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Baku")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func on(t testing.TB, at string, zone *time.Location) time.Time {
	t.Helper()
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05.999999999"} {
		if when, err := time.ParseInLocation(layout, at, zone); err == nil {
			return when
		}
	}
	t.Fatalf("%q is no time", at)
	return time.Time{}
}

// The days off of years that have been: the decisions of the Cabinet of Ministers as they were
// published, and days that are worked though people may think otherwise.
func TestDaysOffOfTheLaw(t *testing.T) {
	zone := baku(t)
	office := calendar(t).In(zone)
	for _, c := range []struct {
		day string
		off bool
		why string
	}{
		{"2014-11-07", false, "a Friday"},
		{"2014-11-10", true, "9 November was a Sunday"},
		{"2014-11-11", false, "only one day moved: 8 November is a holiday since 2021"},
		{"2014-11-12", false, "the day of the constitution is worked"},
		{"2014-11-17", false, "the day of revival is worked"},
		{"2014-10-06", true, "Qurban on Saturday and Sunday: its Saturday"},
		{"2014-10-07", true, "and its Sunday"},
		{"2014-10-08", false, "back to work"},
		{"2015-03-19", false, "before Novruz"},
		{"2015-03-24", true, "the fifth day of Novruz"},
		{"2015-03-25", true, "Novruz had a Saturday"},
		{"2015-03-26", true, "and a Sunday"},
		{"2015-03-27", false, "back to work"},
		{"2015-09-24", true, "Qurban"},
		{"2015-09-25", true, "Qurban"},
		{"2015-09-28", false, "no transfer"},
		{"2015-10-16", false, "the Friday before 18 October"},
		{"2015-10-19", false, "18 October was a Sunday, and is worked"},
		{"2016-03-24", true, "Novruz"},
		{"2016-03-25", true, "20 March was a Sunday"},
		{"2016-03-28", false, "work resumes"},
		{"2016-01-20", true, "the day of mourning"},
		{"2018-01-22", false, "20 January was a Saturday, and does not move"},
		{"2021-11-10", false, "8 and 9 November were a Monday and a Tuesday"},
		{"2025-11-10", true, "8 November was a Saturday"},
		{"2025-11-11", true, "9 November was a Sunday"},
		{"2023-01-03", true, "31 December 2022 was a Saturday"},
		{"2023-01-04", true, "1 January 2023 was a Sunday"},
		{"2023-01-05", false, "back to work"},
		{"2026-03-25", true, "Ramazan fell on Novruz"},
		{"2026-03-26", true, "with both its days"},
		{"2026-03-27", true, "Novruz had a Saturday"},
		{"2026-03-30", true, "and a Sunday"},
		{"2026-03-31", false, "back to work"},
		{"2026-05-29", true, "Qurban's second day fell on 28 May"},
		{"2026-06-01", false, "back to work"},
		{"2026-09-27", true, "a Sunday, as any"},
		{"2027-09-27", false, "the day of remembrance is worked"},
	} {
		noon := on(t, c.day+" 12:00", zone)
		if open := office.Open(noon); open == c.off {
			t.Errorf("%s %s: open %v, but %s", c.day, noon.Weekday(), open, c.why)
		}
	}
}

// Nothing here looks at the moon: without the Cabinet's dates no day of a feast is off.
func TestMovableDaysAreNeverComputed(t *testing.T) {
	zone := baku(t)
	office := calendar(t).In(zone)
	for day := on(t, "2027-03-09 12:00", zone); day.Month() < time.May; day = day.AddDate(0, 0, 1) {
		if w := day.Weekday(); w != time.Saturday && w != time.Sunday && !office.Open(day) {
			t.Errorf("%s is off, and nobody said so", day.Format(time.DateOnly))
		}
	}
}

// Baku had summer time until 2015: five hours east of Greenwich, else four.
func TestSummerTimeBefore2016(t *testing.T) {
	office := calendar(t).In(baku(t))
	for at, open := range map[string]bool{
		"2015-07-15T03:59:59Z": false, "2015-07-15T04:00:00Z": true, "2015-07-15T12:59:59Z": true, "2015-07-15T13:00:00Z": false,
		"2015-12-15T04:59:59Z": false, "2015-12-15T05:00:00Z": true, "2015-12-15T13:59:59Z": true, "2015-12-15T14:00:00Z": false,
		"2016-07-15T04:59:59Z": false, "2016-07-15T05:00:00Z": true, "2026-07-15T13:59:59.999999999Z": true, "2026-07-15T14:00:00Z": false,
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if office.Open(when) != open {
			t.Errorf("%s: open %v", at, !open)
		}
	}
}

func TestReasonsBordersAndWhatIsNext(t *testing.T) {
	zone := baku(t)
	office := calendar(t, `
    eve: 1h
    dates:
      2026-11-25: "09:00-13:00,14:00-18:00"
      2026-11-28: "10:00-14:00"
      2026-12-02: {hours: "09:00-12:00", clip: own.flood}
      2026-12-03: closed
      2026-12-04: {clip: closed.special}
      2026-12-31: "09:00-12:00"
`[1:])
	for _, c := range []struct {
		at    string
		why   call.Why
		clip  string
		until string // "": what is asked next says the same
		next  string
	}{
		{at: "2026-11-25 08:59:59.999999999", why: call.AfterHours, until: "2026-11-25 09:00", next: "2026-11-25 09:00"},
		{at: "2026-11-25 09:00", why: call.IsOpen, until: "2026-11-25 13:00", next: "2026-11-25 09:00"},
		{at: "2026-11-25 13:00", why: call.Lunch, clip: "closed.lunch", until: "2026-11-25 14:00", next: "2026-11-25 14:00"},
		{at: "2026-11-25 17:59:59.999999999", why: call.IsOpen, until: "2026-11-25 18:00", next: "2026-11-25 17:59:59.999999999"},
		{at: "2026-11-25 18:00", why: call.AfterHours, until: "2026-11-26 09:00", next: "2026-11-26 09:00"},
		{at: "2026-11-27 18:00", why: call.AfterHours, clip: "closed.hours", until: "2026-11-28 10:00", next: "2026-11-28 10:00"}, // a Saturday that is worked
		{at: "2026-11-28 12:00", why: call.IsOpen, until: "2026-11-28 14:00", next: "2026-11-28 12:00"},
		{at: "2026-11-28 14:00", why: call.AfterHours, until: "2026-11-30 09:00", next: "2026-11-30 09:00"},
		{at: "2026-11-29 12:00", why: call.AfterHours, clip: "closed.hours", until: "2026-11-30 09:00", next: "2026-11-30 09:00"},
		{at: "2026-12-02 12:30", why: call.Special, clip: "own.flood", until: "2026-12-07 09:00", next: "2026-12-07 09:00"},
		{at: "2026-12-03 12:30", why: call.NonWorking, until: "2026-12-07 09:00", next: "2026-12-07 09:00"},
		{at: "2026-12-04 12:30", why: call.Special, clip: "closed.special", until: "2026-12-07 09:00", next: "2026-12-07 09:00"},
		{at: "2026-12-31 12:00", why: call.AfterHours, until: "2027-01-05 09:00", next: "2027-01-05 09:00"}, // 2 January is a Saturday and moves to Monday
		{at: "2027-01-19 16:59", why: call.IsOpen, until: "2027-01-19 17:00", next: "2027-01-19 16:59"},     // the eve of 20 January
		{at: "2027-01-19 17:00", why: call.AfterHours, until: "2027-01-21 09:00", next: "2027-01-21 09:00"},
		{at: "2027-01-20 00:00", why: call.NonWorking, until: "2027-01-21 09:00", next: "2027-01-21 09:00"},
		{at: "2027-01-20 23:59", why: call.NonWorking, until: "2027-01-21 09:00", next: "2027-01-21 09:00"},
		{at: "2027-03-05 17:30", why: call.IsOpen, until: "2027-03-05 18:00", next: "2027-03-05 17:30"}, // a Friday: not the day before
		{at: "2027-05-27 17:00", why: call.AfterHours, until: "2027-05-31 09:00", next: "2027-05-31 09:00"},
		{at: "2027-06-14 17:00", why: call.AfterHours, until: "2027-06-16 09:00", next: "2027-06-16 09:00"},
		{at: "2027-01-21 00:00", why: call.AfterHours, clip: "closed.hours", until: "2027-01-21 09:00", next: "2027-01-21 09:00"},
	} {
		s := office.In(zone)
		at := on(t, c.at, zone)
		if got := s.Reason(at); got != (call.Closure{Why: c.why, Clip: c.clip}) {
			t.Errorf("%s: %+v, want %s %s", c.at, got, c.why, c.clip)
		}
		if got, want := s.Until(at), on(t, c.until, zone); !got.Equal(want) {
			t.Errorf("%s: until %v, want %v", c.at, got, want)
		}
		if got, want := s.Next(at), on(t, c.next, zone); !got.Equal(want) {
			t.Errorf("%s: next %v, want %v", c.at, got, want)
		}
	}
}

// Terms count working days: fifteen of them cross Novruz, and a Friday's request begins on Monday.
func TestTermsOfWorkingDays(t *testing.T) {
	office := calendar(t, "    dates: {2016-04-02: \"09:00-13:00\"}").In(baku(t))
	for _, c := range []struct {
		from string
		n    int
		to   string
	}{
		{"2016-03-15", 3, "2016-03-18"},
		{"2016-03-15", 4, "2016-03-28"}, // 20 to 24 March and the Friday in place of the Sunday are off
		{"2016-03-15", 15, "2016-04-11"},
		{"2016-04-01", 1, "2016-04-02"}, // a Saturday that is worked
		{"2014-11-07", 1, "2014-11-11"}, // Monday is off in place of Sunday the 9th
		{"2016-11-04", 1, "2016-11-07"},
		{"2016-11-05", 1, "2016-11-07"},
	} {
		var from Date
		if err := from.parse(c.from); err != nil {
			t.Fatal(err)
		}
		if got := office.WorkingDay(from, c.n).String(); got != c.to {
			t.Errorf("%d working days after %s: %s, want %s", c.n, c.from, got, c.to)
		}
	}
	if got := (Calendar{}).In(time.UTC).WorkingDay(Date{2016, 1, 1}, 1); got != (Date{}) {
		t.Errorf("a calendar without hours works on %s", got)
	}
}

// A line by day and night closes at midnight as a holiday begins, and opens at the midnight after.
func TestAHolidayEndsANight(t *testing.T) {
	zone := baku(t)
	f, err := Parse("h.yaml", []byte("calendars: {round: {week: {mon-sun: \"00:00-24:00\"}, holidays: az}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	round := f.Hours("round")
	night := on(t, "2026-12-30 23:30", zone)
	if until := round.Until(night); !round.Open(night) || !until.Equal(on(t, "2026-12-31", zone)) {
		t.Errorf("open %v until %v", round.Open(night), until)
	}
	if next := round.Next(on(t, "2026-12-31", zone)); !next.Equal(on(t, "2027-01-03", zone)) { // 31 December, 1 and 2 January; nothing moves where no day is one of rest
		t.Errorf("open again at %v", next)
	}
}

// Whoever works on a holiday works whole on its eve.
func TestTheEveOfAWorkedHoliday(t *testing.T) {
	zone := baku(t)
	office := calendar(t, "    eve: 1h\n    dates: {2027-06-15: \"09:00-18:00\"}").In(zone)
	if at := on(t, "2027-06-14 17:30", zone); !office.Open(at) {
		t.Error("the eve of a holiday that is worked is shorter")
	}
	if at := on(t, "2027-06-25 17:30", zone); office.Open(at) {
		t.Error("the eve of 26 June is not shorter")
	}
}

// São Paulo had no 00:00 on 18 October 2015: who is open day and night is so at 23:30 before.
func TestAMidnightThatIsNot(t *testing.T) {
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Fatal(err)
	}
	round := (Calendar{Week: Week{Days{time.Sunday, time.Saturday}: {{0, 1440}}}}).In(zone)
	for at := on(t, "2015-10-17 22:00", zone); at.Before(on(t, "2015-10-18 02:00", zone)); at = at.Add(time.Minute) {
		if !round.Open(at) || !round.Until(at).IsZero() {
			t.Fatalf("closed at %v", at)
		}
	}
}

// The clip that tells the hours is played where it tells the truth.
func TestTheClipOfTheHoursIsTrue(t *testing.T) {
	for week, want := range map[string]string{
		`week: {mon-fri: "09:00-18:00"}`:                           "closed.hours",
		`week: {mon-thu: "09:00-18:00", fri: "09:00-18:00"}`:       "closed.hours",
		`week: {mon-fri: "09:00-17:00"}`:                           "",
		`week: {mon-sat: "09:00-18:00"}`:                           "",
		`week: {mon-fri: "09:00-13:00,14:00-18:00"}`:               "",
		"week: {mon-sat: \"08:00-20:00\"}\n    says: closed.hours": "closed.hours",
		"week: {mon-sat: \"08:00-20:00\"}\n    says: own.hours":    "own.hours",
	} {
		f, err := Parse("h.yaml", []byte("calendars:\n  c:\n    "+week+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		s := f.Hours("c")
		if got := s.Reason(on(t, "2026-11-25 22:00", f.Zone())); got != (call.Closure{Why: call.AfterHours, Clip: want}) {
			t.Errorf("%s: %+v, want %q", week, got, want)
		}
	}
}

func TestAlwaysAndNever(t *testing.T) {
	f := Default()
	now := on(t, "2026-11-25 22:00", baku(t))
	always, never := f.Hours(Always), (Calendar{}).In(baku(t))
	if !always.Open(now) || !always.Until(now).IsZero() || !always.Next(now).Equal(now) || always.Reason(now).Why != call.IsOpen || always.Mourning(now) {
		t.Error("always")
	}
	if never.Open(now) || !never.Until(now).IsZero() || !never.Next(now).IsZero() || never.Reason(now).Why != call.AfterHours {
		t.Error("never")
	}
	if day := (Calendar{Week: Week{Days{time.Sunday, time.Saturday}: {{0, 1440}}}}).In(baku(t)); !day.Open(now) || !day.Until(now).IsZero() {
		t.Error("day and night")
	}
}

func TestMourning(t *testing.T) {
	zone := baku(t)
	for text, want := range map[string][]string{
		"holidays: az":                                 {"01-20", "09-27"},
		"holidays: none":                               nil,
		"holidays: az\n    mourning: []":               nil,
		"mourning: [\"02-29\", 2026-12-25]":            {"02-29", "2026-12-25"},
		"holidays: az\n    mourning: [01-20]":          {"01-20"},
		"mourning: [\"01-20\", \"09-27\", 2026-12-25]": {"01-20", "09-27", "2026-12-25"},
	} {
		f, err := Parse("h.yaml", []byte("calendars:\n  c:\n    "+text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		s := f.Hours("c")
		for day := on(t, "2026-01-01 23:59:59", zone); day.Year() < 2029; day = day.AddDate(0, 0, 1) {
			is := slices.Contains(want, day.Format("01-02")) || slices.Contains(want, day.Format(time.DateOnly))
			if s.Mourning(day) != is {
				t.Errorf("%q: %s is one of mourning: %v", text, day.Format(time.DateOnly), !is)
			}
		}
	}
}

// From 20 December on the next year's movable days are missed, and in that year until they come.
func TestMovableMissing(t *testing.T) {
	for day, want := range map[string]string{
		"2026-01-01": "2026 []", "2026-12-19": "2026 []", "2026-12-20": "2027 [qurban]", "2027-07-01": "2027 [qurban]",
		"2025-12-20": "2026 []", "2024-02-29": "2024 [novruz ramazan qurban]",
	} {
		c := calendar(t, "      2027: {novruz: 2027-03-20 to 2027-03-24, ramazan: \"2027-03-09, 2027-03-10\"}")
		var d Date
		if err := d.parse(day); err != nil {
			t.Fatal(err)
		}
		year, feasts := c.MovableMissing(d)
		if got := fmt.Sprint(year, feasts); got != want {
			t.Errorf("%s: %s, want %s", day, got, want)
		}
	}
	if _, feasts := (Calendar{Holidays: HolidaysNone}).MovableMissing(Date{2026, 12, 20}); feasts != nil {
		t.Error("a calendar without holidays misses some")
	}
}

// drawn is any calendar, near days of all kinds.
func drawn(t *rapid.T) Calendar {
	span := func(label string) Hours {
		cuts := rapid.SliceOfNDistinct(rapid.IntRange(0, 96), 2, 6, rapid.ID[int]).Draw(t, label)
		slices.Sort(cuts)
		var h Hours
		for i := 0; i+1 < len(cuts); i += 2 {
			h = append(h, Span{cuts[i] * 15, cuts[i+1] * 15})
		}
		return h
	}
	c := Calendar{Week: Week{}, Dates: map[Date]Day{}, Movable: map[Year]Movable{}}
	for _, days := range []Days{{time.Monday, time.Thursday}, {time.Friday, time.Friday}, {time.Saturday, time.Sunday}} {
		if rapid.Bool().Draw(t, "worked") {
			c.Week[days] = span("hours of " + days.String())
		}
	}
	if rapid.Bool().Draw(t, "az") {
		c.Holidays = HolidaysAZ
		for year := 2014; year < 2018; year++ {
			var m Movable
			for _, feast := range []*DateList{&m.Novruz, &m.Ramazan, &m.Qurban} {
				first := Date{year, time.January, 1}.plus(rapid.IntRange(0, 360).Draw(t, "feast"))
				*feast = DateList{first, first.plus(1)}
			}
			c.Movable[Year(year)] = m
		}
	}
	c.Eve = Duration(time.Duration(rapid.IntRange(0, 3).Draw(t, "eve")) * 30 * time.Minute)
	for range rapid.IntRange(0, 4).Draw(t, "dated") {
		day := Date{2015, time.January, 1}.plus(rapid.IntRange(0, 800).Draw(t, "date"))
		c.Dates[day] = Day{Hours: span("own hours")}
	}
	return c
}

// Whatever the calendar, the zone and the moment: between two borders nothing changes, a border is
// one, Next is the first open moment, and an answer does not depend on what was asked before.
func TestBordersOfAnyCalendar(t *testing.T) {
	var zones []*time.Location
	for _, name := range []string{"Asia/Baku", "Africa/Cairo", "America/Sao_Paulo", "UTC"} { // Cairo and São Paulo changed at midnight
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, zone)
	}
	rapid.Check(t, func(t *rapid.T) {
		c, zone := drawn(t), rapid.SampledFrom(zones).Draw(t, "zone")
		s := c.In(zone)
		at := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, int64(2*365*24*time.Hour)).Draw(t, "at")))
		open, until, next := s.Open(at), s.Until(at), s.Next(at)
		if c.In(zone).Open(at) != open || s.Open(at.UTC()) != open {
			t.Fatalf("%v: the answer is not always the same", at)
		}
		if (s.Reason(at).Why == call.IsOpen) != open {
			t.Fatalf("%v: open %v, because %v", at, open, s.Reason(at))
		}
		switch {
		case open && !next.Equal(at), !open && !next.Equal(until):
			t.Fatalf("%v: open %v, next %v, until %v", at, open, next, until)
		case until.IsZero():
			return
		case !until.After(at):
			t.Fatalf("%v: until %v", at, until)
		case s.Open(until) == open || s.Open(until.Add(-1)) != open:
			t.Fatalf("%v: %v is no border", at, until)
		}
		between := at.Add(time.Duration(rapid.Int64Range(0, int64(until.Sub(at))-1).Draw(t, "between")))
		if s.Open(between) != open || !s.Until(between).Equal(until) {
			t.Fatalf("%v, between %v and %v: open %v until %v", between, at, until, s.Open(between), s.Until(between))
		}
	})
}

// Each holiday that falls on a day of rest, or on another, gives a day off on a working day after it,
// and no other day is off.
func TestAsManyDaysMoveAsAreOwed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawn(t)
		c.Holidays = HolidaysAZ
		from, to := Date{2015, time.January, 12}, Date{2017, time.November, 1}
		names := map[Date]int{}
		for year := from.Year; year <= to.Year; year++ {
			for d, n := range c.names(year) {
				names[d] = n
			}
		}
		balance := 0
		for d := from; d.Compare(to) <= 0; d = d.plus(1) {
			n, named := names[d]
			if named {
				balance += max(0, n-1)
				if n > 0 && c.rests(d) {
					balance++
				}
			}
			if c.off(d.Year).moved[d] {
				balance--
				if named || c.rests(d) {
					t.Fatalf("%v is off twice", d)
				}
			} else if !named && !c.rests(d) && balance > 0 {
				t.Fatalf("%v is worked, and %d days are owed", d, balance)
			}
			if balance < 0 && d.Compare(from.plus(14)) > 0 {
				t.Fatalf("%v is off for nothing", d)
			}
			balance = max(balance, 0)
		}
	})
}

// A container has no zone data of its own: Baku is known all the same.
func TestZonesAreInTheBinary(t *testing.T) {
	if os.Getenv("HOTLINE_TEST_ZONE") != "" {
		office := calendar(t).In(baku(t))
		summer := time.Date(2015, 7, 15, 4, 0, 0, 0, time.UTC)
		fmt.Println("open:", office.Open(summer), office.Open(summer.Add(-1)))
		return
	}
	run := exec.Command(os.Args[0], "-test.run=^TestZonesAreInTheBinary$", "-test.v")
	run.Env = append(os.Environ(), "ZONEINFO="+t.TempDir()+"/none", "HOTLINE_TEST_ZONE=1")
	out, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "open: true false") {
		t.Errorf("%v\n%s", err, out)
	}
}
