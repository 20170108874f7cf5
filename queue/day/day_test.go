package day

import (
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/queue"
	"hotline/queue/erlang"
)

var general = queue.Rules{Name: "general", Target: 20 * time.Second, Short: 5 * time.Second, Offer: 15 * time.Second, ReadyOnRegister: true}

// Three calls that a person can follow on paper.
func TestADayOnPaper(t *testing.T) {
	at := 10 * time.Hour
	rules := general
	rules.WrapUp = time.Minute
	r, err := Run(Plan{
		Rules: []queue.Rules{rules}, Talk: Spread{Mean: time.Minute},
		Shifts: Same(1, []call.Language{"az"}, 9*time.Hour, 18*time.Hour),
		Arrivals: []Arrival{
			{At: at, Language: "az", Queue: "general", Talk: 2 * time.Minute, Patience: time.Hour},                // served at once
			{At: at + time.Minute, Language: "az", Queue: "general", Talk: 30 * time.Second, Patience: time.Hour}, // at 10:03, after the wrap-up
			{At: at + time.Minute + time.Second, Language: "az", Queue: "general", Patience: 4 * time.Second},     // changes their mind
			{At: at + 45*time.Minute, Language: "en", Queue: "general", Patience: 10 * time.Second},               // whom nobody understands
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Intervals) != 18 {
		t.Fatalf("%d half-hours, want 18", len(r.Intervals))
	}
	ten := r.Intervals[2]
	if ten.Offered != 3 || ten.Counts != (erlang.Counts{Answered: 2, AnsweredWithin: 1, Abandoned: 1, AbandonedWithin: 1, AbandonedShort: 1}) {
		t.Errorf("at ten: %+v", ten)
	}
	if ten.Answer() != time.Minute || ten.Longest != 2*time.Minute || ten.Busy != 4*time.Minute+30*time.Second || ten.Ready != 25*time.Minute+30*time.Second {
		t.Errorf("at ten: %+v", ten)
	}
	if half := r.Intervals[3]; half.Abandoned != 1 || half.AbandonedShort != 0 || half.Occupancy() != 0 {
		t.Errorf("at half past ten: %+v", half)
	}
	if w := r.Operators[0]; w.Calls != 2 || w.Present != 9*time.Hour || r.Total.Operators() != 18 {
		t.Errorf("the operator: %+v", w)
	}
}

func steady(perHalf float64, halves int) []HalfHour {
	var out []HalfHour
	for i := range halves {
		out = append(out, HalfHour{From: time.Duration(i) * Half, Calls: perHalf, Shares: map[call.Language]float64{"az": 1}})
	}
	return out
}

// The real core, at a steady load, does what the formulas say: C where nobody gives up, A where they
// do. The tolerances are those that 40,000 and 400,000 calls allow.
func TestTheCoreAgainstTheModels(t *testing.T) {
	calls, loose := 40_000.0, 3.0
	if os.Getenv("HOTLINE_NIGHTLY") != "" {
		calls, loose = 400_000, 1
	}
	const perHalf, talk = 60.0, 4 * time.Minute // 8 Erlangs
	for name, c := range map[string]struct {
		operators int
		patience  time.Duration
	}{"C": {10, 0}, "A": {9, 3 * time.Minute}} {
		p := Plan{
			Rules: []queue.Rules{general}, Talk: Spread{Mean: talk}, Patience: Spread{Mean: c.patience}, Seed: 7,
			Arrivals: Poisson(steady(perHalf, int(calls/perHalf)), "general", 7),
			Shifts:   Same(c.operators, []call.Language{"az"}, 0, time.Duration(calls/perHalf)*Half),
		}
		r, err := Run(p)
		if err != nil {
			t.Fatal(err)
		}
		f := erlang.A(erlang.Load{Calls: perHalf, Interval: Half, Handling: talk, Operators: c.operators, Patience: c.patience}, general.Target)
		got := r.Total
		n := float64(got.Offered)
		check := func(what string, is, want, tolerance float64) {
			t.Helper()
			t.Logf("%s: %s is %.4f, the model says %.4f", name, what, is, want)
			if math.Abs(is-want) > tolerance*loose*want {
				t.Errorf("%s: %s is %.4f, the model says %.4f", name, what, is, want)
			}
		}
		check("served within 20 s", float64(got.AnsweredWithin)/n, f.Within, 0.04)
		check("mean wait", got.Answer().Seconds(), f.Answer.Seconds(), 0.10)
		check("occupancy", got.Occupancy(), f.Occupancy, 0.02)
		if c.patience > 0 {
			check("abandoned", float64(got.Abandoned)/n, f.Abandoned, 0.08)
		}
	}
}

func TestTheSameSeedIsTheSameDay(t *testing.T) {
	p := Plan{
		Rules: []queue.Rules{general}, Talk: Spread{Mean: 4 * time.Minute, Sigma: 0.8}, Patience: Spread{Mean: time.Minute}, Ring: 4 * time.Second, NoAnswer: 0.1, Seed: 3,
		Arrivals: Poisson(steady(30, 4), "general", 3), Shifts: Same(5, []call.Language{"az"}, 0, 3*time.Hour),
	}
	a, err := Run(p)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := Run(p); !reflect.DeepEqual(a, b) {
		t.Error("two runs of one day differ")
	}
	p.Seed = 4
	if c, _ := Run(p); reflect.DeepEqual(a, c) {
		t.Error("another seed gives the same day")
	}
}

func TestFilesOfDays(t *testing.T) {
	calls, err := ReadArrivals("day.csv", strings.NewReader("at,language,talk_s,patience_s\n# a remark\n09:00:10,ru,120,60\n08:59,,,\n"), "general", "az", 1)
	if err != nil || len(calls) != 2 || calls[0].At != 8*time.Hour+59*time.Minute || calls[0].Language != "az" || calls[1].Talk != 2*time.Minute || calls[1].Patience != time.Minute {
		t.Errorf("%+v, %v", calls, err)
	}
	halves, err := ReadArrivals("day.csv", strings.NewReader("from,calls,az,ru\n09:00,1000,3,1\n"), "general", "az", 1)
	russian := 0
	for _, a := range halves {
		if a.Language == "ru" {
			russian++
		}
	}
	if err != nil || len(halves) < 850 || len(halves) > 1150 || russian < len(halves)/6 || russian > len(halves)/3 {
		t.Errorf("%d calls, %d Russian, %v", len(halves), russian, err)
	}
	shifts, err := ReadShifts("staff.csv", strings.NewReader("name,from,to,languages,skills\naysel,09:00,18:00,az ru,visa:4 ru:5\n"))
	if err != nil || len(shifts) != 1 || shifts[0].To != 18*time.Hour || len(shifts[0].Operator.Skills) != 2 {
		t.Errorf("%+v, %v", shifts, err)
	}
	for text, want := range map[string]string{
		"":                              "day.csv: has no line",
		"when,who\n1,2\n":               "would be right: at,language",
		"at\n9 o'clock\n":               `day.csv:2: at: "9 o'clock" is no time of the day, would be right: 09:30`,
		"at,talk_s\n09:00,1\n09:01,x\n": `day.csv:3: talk_s: "x" is no number of seconds`,
		"from,calls\n09:10,3\n":         "day.csv:2: from: 09:10 is no half-hour",
		"from,calls\n09:00,many\n":      `day.csv:2: calls: "many" is no number`,
	} {
		if _, err := ReadArrivals("day.csv", strings.NewReader(text), "general", "az", 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"name,from,to\n,09:00,18:00\n":              "staff.csv:2: name: is empty",
		"name,from,to,skills\na,09:00,18:00,visa\n": `staff.csv:2: skills: "visa" is no skill`,
		"name,from,to\na,09:00,late\n":              `staff.csv:2: to: "late" is no time`,
	} {
		if _, err := ReadShifts("staff.csv", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestImpossiblePlans(t *testing.T) {
	_, err := Run(Plan{Rules: []queue.Rules{general}, Arrivals: []Arrival{{Queue: "nowhere"}}, NoAnswer: 1, Shifts: []Shift{{From: 2, To: 1}}})
	for _, want := range []string{"nowhere", "talk takes no time", "ends before it begins", "unanswered"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
