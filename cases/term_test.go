package cases

import (
	"fmt"
	"slices"
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

// work is Monday to Friday from 9 to 18, but for days that are off, and those that are worked though
// they are not in the week. Days are written 2006-01-02, after one another.
func work(off, on string) Hours {
	return func(day time.Time) (from, to time.Time) {
		y, m, d := day.Date()
		name := day.Format(time.DateOnly)
		rest := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday || strings.Contains(off, name)
		if rest && !strings.Contains(on, name) {
			return day, day
		}
		return time.Date(y, m, d, 9, 0, 0, 0, day.Location()), time.Date(y, m, d, 18, 0, 0, 0, day.Location())
	}
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
		matter   call.Matter
		term     call.CaseTerm
		extra    int
		off, on  string
		left     string
		forward  string
		ask      string // empty: none
		answer   string
		reminded string // at 50 %, 80 % and 100 %
	}{
		"a complaint on a Wednesday": {
			matter: call.MatterComplaint, left: "2026-11-25 10:15", forward: "2026-11-30 18:00", answer: "2026-12-16 18:00",
			reminded: "2026-12-07 13:30, 2026-12-11 18:00, 2026-12-16 18:00",
		},
		"an application, at night": {
			matter: call.MatterApplication, left: "2026-11-24 23:59", forward: "2026-11-27 18:00", answer: "2026-12-15 18:00",
			reminded: "2026-12-04 13:30, 2026-12-10 18:00, 2026-12-15 18:00",
		},
		"study is needed": {
			matter: call.MatterProposal, term: call.TermStudy, left: "2026-06-01 09:00", off: "2026-06-15 2026-06-26", forward: "2026-06-04 18:00", answer: "2026-07-15 18:00",
			reminded: "2026-06-23 18:00, 2026-07-07 18:00, 2026-07-15 18:00",
		},
		"study, and extended by all there is": {
			matter: call.MatterProposal, term: call.TermStudy, extra: 30, left: "2026-06-01 09:00", off: "2026-06-15 2026-06-26", forward: "2026-06-04 18:00", answer: "2026-08-26 18:00",
			reminded: "2026-07-15 18:00, 2026-08-10 18:00, 2026-08-26 18:00",
		},
		"information asked for on a Friday: the clock starts on Monday": {
			matter: call.MatterInformation, left: "2026-11-27 12:00", forward: "2026-12-02 18:00", ask: "2026-12-04 18:00", answer: "2026-12-08 18:00",
			reminded: "2026-12-03 13:30, 2026-12-07 14:24, 2026-12-08 18:00",
		},
		"information asked for on a Saturday: so it does then": {
			matter: call.MatterInformation, left: "2026-11-28 12:00", forward: "2026-12-02 18:00", ask: "2026-12-04 18:00", answer: "2026-12-08 18:00",
			reminded: "2026-12-03 13:30, 2026-12-07 14:24, 2026-12-08 18:00",
		},
		"urgent information is in hours, over the weekend": {
			matter: call.MatterInformation, term: call.TermUrgent, left: "2026-11-27 17:30", forward: "2026-11-27 20:30", ask: "2026-11-27 20:30", answer: "2026-11-28 17:30",
			reminded: "2026-11-28 05:30, 2026-11-28 12:42, 2026-11-28 17:30",
		},
		"life is at risk": {
			matter: call.MatterInformation, term: call.TermLife, left: "2026-11-27 17:30", forward: "2026-11-27 23:30", ask: "2026-11-27 23:30", answer: "2026-11-29 17:30",
			reminded: "2026-11-28 17:30, 2026-11-29 07:54, 2026-11-29 17:30",
		},
		"2014: 9 November was a Sunday, the Monday was off; the 12th was worked": {
			matter: call.MatterComplaint, off: november2014, left: "2014-11-07 16:00", forward: "2014-11-13 18:00", answer: "2014-12-01 18:00",
			reminded: "2014-11-20 13:30, 2014-11-26 18:00, 2014-12-01 18:00",
		},
		"2015: Novruz and two days more": {
			matter: call.MatterComplaint, off: novruz2015, left: "2015-03-19 16:00", forward: "2015-03-31 18:00", answer: "2015-04-16 18:00",
			reminded: "2015-04-07 13:30, 2015-04-13 18:00, 2015-04-16 18:00",
		},
		"2016: work went on on 28 March": {
			matter: call.MatterInformation, off: novruz2016, left: "2016-03-18 16:00", forward: "2016-03-30 18:00", ask: "2016-04-01 18:00", answer: "2016-04-05 18:00",
			reminded: "2016-03-31 13:30, 2016-04-04 14:24, 2016-04-05 18:00",
		},
		"a Monday was swapped for a Saturday": {
			matter: call.MatterInformation, off: "2026-11-30", on: "2026-12-05", left: "2026-11-27 12:00", forward: "2026-12-03 18:00", ask: "2026-12-05 18:00", answer: "2026-12-08 18:00",
			reminded: "2026-12-04 13:30, 2026-12-07 14:24, 2026-12-08 18:00",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := work(c.off, c.on).TermsOf(c.matter, c.term, moment(t, c.left), c.extra)
			at := func(t time.Time) string {
				if t.IsZero() {
					return ""
				}
				return t.Format("2006-01-02 15:04")
			}
			var reminded []string
			for i, r := range got.Reminders {
				if r.Percent != percents[i] {
					t.Errorf("reminder %d is at %d %%", i, r.Percent)
				}
				reminded = append(reminded, at(r.At))
			}
			for what, pair := range map[string][2]string{
				"forward": {at(got.Forward), c.forward}, "ask": {at(got.Ask), c.ask}, "answer": {at(got.Answer), c.answer},
				"reminders": {strings.Join(reminded, ", "), c.reminded},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s: %s, want %s", what, pair[0], pair[1])
				}
			}
		})
	}
}

// Whatever days are off: a term ends on a working day, as many of them lie in it as it has, it never
// ends sooner for being longer or for beginning later, and reminders come in work, in their order.
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
		h := work(strings.Join(off, " "), strings.Join(on, " "))
		left := first.Add(time.Duration(rapid.IntRange(0, 100*24*60).Draw(t, "minute")) * time.Minute)
		extra := rapid.IntRange(0, 30).Draw(t, "extra")
		matter := rapid.SampledFrom(call.Matters).Draw(t, "matter")
		got := h.TermsOf(matter, call.TermOrdinary, left, extra)

		days := 0
		for day := next(left); day.Before(next(got.Answer)); day = next(day) {
			if from, to := h(day); from.Before(to) {
				days++
			}
		}
		if want := Days(matter, call.TermOrdinary) + extra; days != want {
			t.Fatalf("%d working days to %s, want %d", days, got.Answer, want)
		}
		if _, to := h(got.Answer); !to.Equal(got.Answer) {
			t.Fatalf("the term ends at %s, work at %s", got.Answer, to)
		}
		if later := h.TermsOf(matter, call.TermOrdinary, left.AddDate(0, 0, 1), extra); later.Answer.Before(got.Answer) {
			t.Fatalf("left a day later, due sooner: %s, %s", later.Answer, got.Answer)
		}
		if longer := h.TermsOf(matter, call.TermOrdinary, left, extra+1); !longer.Answer.After(got.Answer) {
			t.Fatalf("a day longer, due no later: %s, %s", longer.Answer, got.Answer)
		}
		last := left
		for _, r := range got.Reminders {
			from, to := h(r.At)
			if !r.At.After(last) || r.At.Before(from) || r.At.After(to) || r.At.After(got.Answer) {
				t.Fatalf("reminder at %d %% is at %s (after %s, work %s to %s)", r.Percent, r.At, last, from, to)
			}
			last = r.At
		}
	})
}

// A calendar in which nobody ever works must hang nobody.
func TestATermEndsThoughNobodyWorks(t *testing.T) {
	idle := Hours(func(day time.Time) (from, to time.Time) { return day, day })
	left := moment(t, "2026-11-25 10:00")
	if got := idle.TermsOf(call.MatterComplaint, call.TermStudy, left, 30); got.Answer.Before(left) || got.Answer.After(left.AddDate(30, 0, 0)) {
		t.Errorf("due %s", got.Answer)
	}
}

// Before 2016 the clocks of Baku changed, in the night.
func TestTermsOverAChangeOfClocks(t *testing.T) {
	got := work("", "").TermsOf(call.MatterComplaint, call.TermOrdinary, moment(t, "2015-10-23 12:00"), 0)
	if want := moment(t, "2015-11-13 18:00"); !got.Answer.Equal(want) {
		t.Errorf("due %s, want %s", got.Answer, want)
	}
}

func TestWhoseATopicIs(t *testing.T) {
	unit := func(name string, topics ...string) Unit { return Unit{Name: name, Topics: topics} }
	for name, c := range map[string]struct {
		units []Unit
		topic string
		want  string
	}{
		"nobody is there":                        {nil, "stay", ""},
		"the unit that names it":                 {[]Unit{unit("all"), unit("stay", "visa", "stay")}, "stay", "stay"},
		"nobody names it: the first without any": {[]Unit{unit("stay", "stay"), unit("all"), unit("rest")}, "work", "all"},
		"no topic":                               {[]Unit{unit("stay", "stay"), unit("all")}, "", "all"},
		"all have topics: the first":             {[]Unit{unit("stay", "stay"), unit("visa", "visa")}, "work", "stay"},
	} {
		if got := (Rules{Units: c.units}).unitOf(c.topic); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestPausesGrowToAnHour(t *testing.T) {
	var got []string
	for tries := range 9 {
		got = append(got, fmt.Sprint(pause(tries+1)))
	}
	if want := []string{"1m0s", "2m0s", "4m0s", "8m0s", "16m0s", "32m0s", "1h0m0s", "1h0m0s", "1h0m0s"}; !slices.Equal(got, want) {
		t.Errorf("pauses %v", got)
	}
}
