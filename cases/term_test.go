package cases

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
)

var baku = func() *time.Location {
	zone, err := time.LoadLocation("Asia/Baku")
	if err != nil {
		panic(err)
	}
	return zone
}()

// days are Monday to Friday, but for those that are off, and those that are worked though they are not in
// the week. Written 2006-01-02, after one another.
type days struct{ off, on string }

func (d days) works(t time.Time) bool {
	name := t.Format(time.DateOnly)
	rest := t.Weekday() == time.Saturday || t.Weekday() == time.Sunday || strings.Contains(d.off, name)
	return !rest || strings.Contains(d.on, name)
}

func (d days) WorkingDay(t time.Time, n int) time.Time {
	t = t.In(baku)
	for n > 0 {
		t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, baku)
		if d.works(t) {
			n--
		}
	}
	return t
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", text, baku)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The days off are those that were announced (2014: turan.az; 2015: APA; 2016: report.az).
const (
	november2014 = "2014-11-09 2014-11-10"
	novruz2015   = "2015-03-20 2015-03-21 2015-03-22 2015-03-23 2015-03-24 2015-03-25 2015-03-26"
	novruz2016   = "2016-03-20 2016-03-21 2016-03-22 2016-03-23 2016-03-24 2016-03-25"
)

func TestTerms(t *testing.T) {
	for name, c := range map[string]struct {
		matter       call.Matter
		days         days
		left         string
		forward, due string // days
	}{
		"a complaint on a Wednesday":                            {call.MatterComplaint, days{}, "2026-11-25 10:15", "2026-11-30", "2026-12-16"},
		"an application a minute before midnight":               {call.MatterApplication, days{}, "2026-11-24 23:59", "2026-11-27", "2026-12-15"},
		"a message at midnight":                                 {call.MatterMessage, days{}, "2026-11-25 00:00", "2026-11-30", "2026-12-16"},
		"asked for on a Friday: the clock starts on Monday":     {call.MatterInformation, days{}, "2026-11-27 12:00", "2026-12-04", "2026-12-08"},
		"asked for on a Saturday: so it does then":              {call.MatterInformation, days{}, "2026-11-28 12:00", "2026-12-04", "2026-12-08"},
		"2014: the Monday after 9 November; the 12th is worked": {call.MatterComplaint, days{off: november2014}, "2014-11-07 16:00", "2014-11-13", "2014-12-01"},
		"2015: Novruz and two days more":                        {call.MatterComplaint, days{off: novruz2015}, "2015-03-19 16:00", "2015-03-31", "2015-04-16"},
		"2016: work goes on on 28 March":                        {call.MatterInformation, days{off: novruz2016}, "2016-03-18 16:00", "2016-04-01", "2016-04-05"},
		"a Monday was swapped for a Saturday":                   {call.MatterInformation, days{"2026-11-30", "2026-12-05"}, "2026-11-27 12:00", "2026-12-05", "2026-12-08"},
	} {
		left := moment(t, c.left)
		if got := Forward(c.days, c.matter, left).Format(time.DateTime); got != c.forward+" 23:59:59" {
			t.Errorf("%s: forward by %s, want %s", name, got, c.forward)
		}
		if got := Due(c.days, c.matter, left).Format(time.DateTime); got != c.due+" 23:59:59" {
			t.Errorf("%s: due %s, want %s", name, got, c.due)
		}
	}
	if got := Study(days{off: "2026-06-15 2026-06-26"}, moment(t, "2026-06-01 09:00")).Format(time.DateOnly); got != "2026-07-15" {
		t.Errorf("study until %s", got)
	}
}

func TestATermIsExtendedOnce(t *testing.T) {
	due := Due(days{}, call.MatterComplaint, moment(t, "2026-11-25 10:00"))
	for name, c := range map[string]struct {
		of   Case
		days int
		want string // empty: refused
	}{
		"by five days":                  {Case{Due: due}, 5, "2026-12-23"},
		"as it comes out of the rows":   {Case{Due: due.UTC()}, 5, "2026-12-23"},
		"by all there is":               {Case{Due: due}, 30, "2027-01-27"},
		"by more":                       {Case{Due: due}, 31, ""},
		"by nothing":                    {Case{Due: due}, 0, ""},
		"by less than nothing":          {Case{Due: due}, -1, ""},
		"twice":                         {Case{Due: due, Extended: true}, 5, ""},
		"though it is answered already": {Case{Due: due, State: call.CaseAnswered}, 5, ""},
	} {
		got, err := Extend(days{}, c.of, c.days)
		if (c.want == "") != errors.Is(err, ErrTerm) || c.want != "" && got.Format(time.DateTime) != c.want+" 23:59:59" {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestReminders(t *testing.T) {
	for name, c := range map[string]struct {
		left, due string
		days      days
		want      string
	}{
		"of 15 days":              {"2026-11-25 10:15", "2026-12-16 23:59", days{}, "50 2026-12-07 09:00, 80 2026-12-11 09:00, 100 2026-12-16 23:59"},
		"of 7 days":               {"2026-11-27 12:00", "2026-12-08 23:59", days{}, "50 2026-12-03 09:00, 80 2026-12-07 09:00, 100 2026-12-08 23:59"},
		"of 7 days, over Novruz":  {"2016-03-17 12:00", "2016-04-04 23:59", days{off: novruz2016}, "50 2016-03-30 09:00, 80 2016-04-01 09:00, 100 2016-04-04 23:59"},
		"of 24 hours, at weekend": {"2026-11-27 17:30", "2026-11-28 17:30", days{}, "50 2026-11-28 05:30, 80 2026-11-28 12:42, 100 2026-11-28 17:30"},
		"of 48 hours":             {"2026-11-27 17:30", "2026-11-29 17:30", days{}, "50 2026-11-28 17:30, 80 2026-11-29 07:54, 100 2026-11-29 17:30"},
	} {
		due := moment(t, c.due)
		if due.Minute() == 59 {
			due = due.Add(59 * time.Second)
		}
		var got []string
		for _, r := range Reminders(c.days, moment(t, c.left), due) {
			got = append(got, strings.Join([]string{strconv.Itoa(r.Percent), r.At.Format("2006-01-02 15:04")}, " "))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %s\nwant %s", name, strings.Join(got, ", "), c.want)
		}
	}
}

// Whatever days are off: a term ends on a working day, as many of them lie in it as it has, it never ends
// sooner for beginning later, and reminders come on working days, in their order.
func TestAnyTermInAnyCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := time.Date(2026, 1, 1, 0, 0, 0, 0, baku)
		var off, on []string
		for range rapid.IntRange(0, 40).Draw(t, "days off") {
			off = append(off, first.AddDate(0, 0, rapid.IntRange(0, 150).Draw(t, "off")).Format(time.DateOnly))
		}
		for range rapid.IntRange(0, 5).Draw(t, "days worked") {
			on = append(on, first.AddDate(0, 0, rapid.IntRange(0, 150).Draw(t, "on")).Format(time.DateOnly))
		}
		d := days{strings.Join(off, " "), strings.Join(on, " ")}
		left := first.Add(time.Duration(rapid.IntRange(0, 100*24*60).Draw(t, "minute")) * time.Minute)
		matter := rapid.SampledFrom(call.Matters).Draw(t, "matter")
		due := Due(d, matter, left)

		n, want := 0, answerDays
		if matter == call.MatterInformation {
			want = infoDays
		}
		for day := time.Date(left.Year(), left.Month(), left.Day()+1, 12, 0, 0, 0, baku); day.Before(due); day = day.AddDate(0, 0, 1) {
			if d.works(day) {
				n++
			}
		}
		if n != want || !d.works(due) {
			t.Fatalf("%d working days to %s, want %d", n, due, want)
		}
		if later := Due(d, matter, left.AddDate(0, 0, 1)); later.Before(due) {
			t.Fatalf("left a day later, due sooner: %s, %s", later, due)
		}
		last := left
		for _, r := range Reminders(d, left, due) {
			if !r.At.After(last) || !d.works(r.At) || r.At.After(due) {
				t.Fatalf("reminder at %d %% is at %s, after %s", r.Percent, r.At, last)
			}
			last = r.At
		}
	})
}

// A caller may ask for a copy for three calendar months, the last day whole.
func TestTheRightToACopy(t *testing.T) {
	baku := time.FixedZone("Asia/Baku", 4*3600)
	for called, until := range map[string]string{
		"2026-11-25": "2027-02-25", "2026-11-30": "2027-02-28", "2027-11-30": "2028-02-29", "2026-08-31": "2026-11-30", "2026-12-01": "2027-03-01", "2026-01-31": "2026-04-30",
	} {
		at, err := time.ParseInLocation(time.DateOnly, called, baku)
		if err != nil {
			t.Fatal(err)
		}
		if got := CopyRight(at.Add(15 * time.Hour)).Format(time.DateTime); got != until+" 23:59:59" {
			t.Errorf("who called on %s may ask until %s, not %s", called, got, until)
		}
	}
}
