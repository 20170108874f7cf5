package retention

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestMonthsAreCalendarMonths(t *testing.T) {
	for _, c := range []struct {
		zone, from string
		months     int
		over       string
	}{
		{"Asia/Baku", "2026-03-02T10:00:00+04:00", 12, "2027-03-03T00:00:00+04:00"},
		{"Asia/Baku", "2026-11-30T23:59:59+04:00", 3, "2027-03-01T00:00:00+04:00"},
		{"Asia/Baku", "2027-11-30T12:00:00+04:00", 3, "2028-03-01T00:00:00+04:00"}, // 29 February counts whole
		{"Asia/Baku", "2028-02-29T12:00:00+04:00", 12, "2029-03-01T00:00:00+04:00"},
		{"Asia/Baku", "2026-08-31T12:00:00+04:00", 6, "2027-03-01T00:00:00+04:00"},
		{"Asia/Baku", "2026-12-31T12:00:00+04:00", 6, "2027-07-01T00:00:00+04:00"},
		// The day is that of the zone: in UTC it is still 1 March.
		{"Asia/Baku", "2026-03-01T20:30:00Z", 3, "2026-06-03T00:00:00+04:00"},
		// From summer time to winter time, and back.
		{"Europe/Berlin", "2026-08-01T12:00:00+02:00", 3, "2026-11-02T00:00:00+01:00"},
		{"Europe/Berlin", "2026-12-28T12:00:00+01:00", 3, "2027-03-29T00:00:00+02:00"},
		// In Beirut the clock jumps over midnight: 28 March 2027 begins at 01:00.
		{"Asia/Beirut", "2026-12-27T12:00:00+02:00", 3, "2027-03-28T01:00:00+03:00"},
		// Samoa had no 30 December 2011.
		{"Pacific/Apia", "2011-09-29T12:00:00-10:00", 3, "2011-12-31T00:00:00+14:00"},
	} {
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		if got := Over(from, c.months, zone(t, c.zone)).Format(time.RFC3339); got != c.over {
			t.Errorf("%s + %d months in %s: over at %s, want %s", c.from, c.months, c.zone, got, c.over)
		}
	}
}

// zones are some that jump, and that of the deployers we know.
var zones = []string{"Asia/Baku", "Europe/Berlin", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "Australia/Lord_Howe", "UTC"}

func someZone(t *rapid.T) *time.Location {
	z, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func someTime(t *rapid.T, name string) time.Time {
	return time.Date(2008, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, 20*366*24*3600).Draw(t, name)) * time.Second)
}

// civil counts months by walking a calendar a day at a time: nothing of time.AddDate and its normalizing.
func civil(y, m, d, months int) (int, int, int) {
	length := func(y, m int) int {
		switch m {
		case 4, 6, 9, 11:
			return 30
		case 2:
			if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
				return 29
			}
			return 28
		}
		return 31
	}
	for range months {
		if m++; m > 12 {
			y, m = y+1, 1
		}
	}
	d = min(d, length(y, m)) + 1
	if d > length(y, m) {
		d = 1
		if m++; m > 12 {
			y, m = y+1, 1
		}
	}
	return y, m, d
}

func TestMonthsAgreeWithACalendarThatIsWalked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z, from, months := someZone(t), someTime(t, "from"), rapid.IntRange(3, 60).Draw(t, "months")
		over := Over(from, months, z).In(z)
		y, m, d := from.In(z).Date()
		wy, wm, wd := civil(y, int(m), d, months)
		gy, gm, gd := over.Date()
		skipped := z.String() == "Pacific/Apia" && wy == 2011 && wm == 12 && wd == 30
		if !skipped && (gy != wy || int(gm) != wm || gd != wd) {
			t.Fatalf("%v + %d months: %v, want the begin of %d-%d-%d", from.In(z), months, over, wy, wm, wd)
		}
		// The instant is the begin of its day: an hour before is the day before.
		if by, bm, bd := over.Add(-61 * time.Minute).Date(); by == gy && bm == gm && bd == gd {
			t.Fatalf("%v is not the begin of its day", over)
		}
		if !over.After(from) {
			t.Fatalf("over %v before it began %v", over, from)
		}
	})
}

// A scene is a random house: rules, recordings, cases and holds.
type scene struct {
	rules    Rules
	subjects []Subject
	cases    map[call.ID][]call.Case
	holds    []call.Hold
}

func someScene(t *rapid.T) scene {
	s := scene{cases: map[call.ID][]call.Case{}}
	months := rapid.IntRange(LeastMonths, 40)
	s.rules = Rules{Keep: months.Draw(t, "keep"), Cases: months.Draw(t, "keep_cases"), Zone: someZone(t)}
	some := func(name string, of ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, len(of), rapid.ID).Draw(t, name)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "classes") {
		c := Class{Name: fmt.Sprint("c", i), Keep: months.Draw(t, "class keep"), Lines: some("lines", "919", "920"), Queues: some("queues", "a", "b"), Topics: some("topics", "x", "y")}
		for _, m := range some("matters", "complaint", "message") {
			c.Matters = append(c.Matters, call.Matter(m))
		}
		s.rules.Classes = append(s.rules.Classes, c)
	}
	if err := s.rules.Check(); err != nil {
		t.Fatal(err)
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "recordings") {
		sub := Subject{Call: call.ID(fmt.Sprint("call", i)), Line: rapid.SampledFrom([]string{"919", "920"}).Draw(t, "line"),
			Queue: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "queue"), Ended: someTime(t, "ended")}
		if i > 0 && rapid.Bool().Draw(t, "consult") {
			sub.Linked = s.subjects[i-1].Call
		}
		s.subjects = append(s.subjects, sub)
		for range rapid.IntRange(0, 2).Draw(t, "cases") {
			c := call.Case{Number: fmt.Sprint("2026-00000", i), Matter: call.Matter(rapid.SampledFrom([]string{"complaint", "message"}).Draw(t, "matter")),
				Topic: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "topic"), State: rapid.SampledFrom(call.CaseStates).Draw(t, "state")}
			c.Due = sub.Ended.Add(time.Duration(rapid.IntRange(1, 1000).Draw(t, "term")) * time.Hour)
			if c.State == call.CaseClosed {
				c.Closed = sub.Ended.Add(time.Duration(rapid.IntRange(1, 20000).Draw(t, "closed")) * time.Hour)
			}
			s.cases[sub.Call] = append(s.cases[sub.Call], c)
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "holds") {
		h := call.Hold{ID: int64(i + 1), By: "chief", Why: "a court asked for it", At: someTime(t, "held")}
		for _, sub := range s.subjects {
			if rapid.Bool().Draw(t, "bound") {
				h.Calls = append(h.Calls, sub.Call)
			}
		}
		if rapid.Bool().Draw(t, "ends") {
			h.Until = h.At.Add(time.Duration(rapid.IntRange(1, 50000).Draw(t, "until")) * time.Hour)
		}
		if rapid.Bool().Draw(t, "lifted") {
			h.Lifted = h.At.Add(time.Hour)
		}
		s.holds = append(s.holds, h)
	}
	return s
}

func (s scene) judge(i int, now time.Time) Verdict {
	sub := s.subjects[i]
	return s.rules.Judge(sub, append(slices.Clone(s.cases[sub.Call]), s.cases[sub.Linked]...), s.holds, now)
}

// The four promises, over random houses and at random times and at every edge of them.
func TestPromisesOfRetention(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := someScene(t)
		for i, sub := range s.subjects {
			at := []time.Time{someTime(t, "now"), sub.Ended, Over(sub.Ended, LeastMonths, s.rules.Zone)}
			if due := s.judge(i, sub.Ended).Due; !due.IsZero() {
				at = append(at, due, due.Add(-time.Nanosecond), due.Add(time.Hour))
			}
			for _, h := range s.holds {
				at = append(at, h.Until, h.Until.Add(-time.Nanosecond))
			}
			for _, now := range at {
				s.promises(t, i, now)
			}
		}
	})
}

func (s scene) promises(t *rapid.T, i int, now time.Time) {
	sub, v := s.subjects[i], s.judge(i, now)
	cases := append(slices.Clone(s.cases[sub.Call]), s.cases[sub.Linked]...)
	held := false
	for _, h := range s.holds {
		bound := slices.Contains(h.Calls, sub.Call) || sub.Linked != "" && slices.Contains(h.Calls, sub.Linked)
		held = held || bound && h.Lifted.IsZero() && (h.Until.IsZero() || now.Before(h.Until))
	}
	if held && v.Erase(now) {
		t.Fatalf("held and erased: %+v", v)
	}
	if held && v.Over(now) && !strings.Contains(v.HeldBack(now), "a court asked for it") {
		t.Fatalf("held back without the reason: %q", v.HeldBack(now))
	}
	y, m, d := sub.Ended.In(s.rules.Zone).Date()
	ly, lm, ld := civil(y, int(m), d, LeastMonths)
	if v.Erase(now) && before(now.In(s.rules.Zone), ly, time.Month(lm), ld) {
		t.Fatalf("erased at %v, under %d months after %v", now, LeastMonths, sub.Ended)
	}
	open := slices.ContainsFunc(cases, func(c call.Case) bool { return c.State != call.CaseClosed })
	if open && v.Erase(now) {
		t.Fatalf("erased while a case is open: %+v", v)
	}
	if !open && !held { // then its months decide, and nothing else
		since := sub.Ended
		for _, c := range cases {
			since = later(later(since, c.Closed), c.Due)
		}
		y, m, d := since.In(s.rules.Zone).Date()
		dy, dm, dd := civil(y, int(m), d, v.Keep)
		late := !before(now.In(s.rules.Zone), dy, time.Month(dm), dd) && !before(now.In(s.rules.Zone), ly, time.Month(lm), ld)
		if late != v.Erase(now) {
			t.Fatalf("erase is %v at %v, since %v for %d months: %+v", v.Erase(now), now, since, v.Keep, v)
		}
	}
	if v.Why == "" || v.Class == "" {
		t.Fatalf("a verdict without a reason: %+v", v)
	}
}

func TestClassesFit(t *testing.T) {
	rules := Rules{Keep: 12, Cases: 24, Zone: time.UTC, Classes: []Class{
		{Name: "complaints", Keep: 36, Matters: []call.Matter{call.MatterComplaint}},
		{Name: "information", Keep: 3, Lines: []string{"919"}, Queues: []string{"info"}},
	}}
	complaint := []call.Case{{Number: "2026-000001", Matter: call.MatterComplaint, State: call.CaseClosed, Closed: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}}
	other := []call.Case{{Number: "2026-000002", Matter: call.MatterProposal, State: call.CaseAnswered}}
	for _, c := range []struct {
		line, queue string
		cases       []call.Case
		class       string
		keep        int
		why         string
	}{
		{"919", "info", nil, "information", 3, "class information: kept for 3 months since the call ended on 2 March 2026, until the end of 2 June 2026"},
		{"920", "info", nil, Standard, 12, "class standard: kept for 12 months since the call ended on 2 March 2026, until the end of 2 March 2027"},
		{"919", "info", complaint, "complaints", 36, "class complaints: kept for 36 months since case 2026-000001 was closed on 1 May 2026, until the end of 1 May 2029"},
		{"920", "", other, Standard, 24, "class standard: case 2026-000002 is open; kept for 24 months from its close"},
	} {
		v := rules.Judge(Subject{Call: "x", Line: c.line, Queue: c.queue, Ended: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}, c.cases, nil, time.Now())
		if v.Class != c.class || v.Keep != c.keep || v.Why != c.why {
			t.Errorf("got %s, %d, %q", v.Class, v.Keep, v.Why)
		}
	}
}

func TestWhatNothingDatesStays(t *testing.T) {
	v := Rules{Keep: 12, Cases: 12, Zone: time.UTC}.Judge(Subject{Call: "x"}, nil, nil, time.Now())
	if v.Erase(time.Now()) || v.HeldBack(time.Now()) != "" || v.Why == "" {
		t.Errorf("got %+v", v)
	}
}

func TestRulesAreRefused(t *testing.T) {
	good := Rules{Keep: 12, Cases: 12, Zone: time.UTC, Classes: []Class{{Name: "a", Keep: 3}}}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Rules){
		"recording.keep: 2 months are less than the 3": func(r *Rules) { r.Keep = 2 },
		"recording.keep_cases: 0 months":               func(r *Rules) { r.Cases = 0 },
		"class a: 2 months":                            func(r *Rules) { r.Classes[0].Keep = 2 },
		`class "": a class has a name`:                 func(r *Rules) { r.Classes[0].Name = "" },
		`class "standard"`:                             func(r *Rules) { r.Classes[0].Name = Standard },
		"timezone":                                     func(r *Rules) { r.Zone = nil },
	} {
		bad := good
		bad.Classes = slices.Clone(good.Classes)
		spoil(&bad)
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
