package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"hotline/app"
	"hotline/call"
	"hotline/queue"
	"hotline/queue/day"
	"hotline/queue/erlang"
)

// dayFlags are what `simulate --day` needs besides the file of calls.
type dayFlags struct {
	Day       string        `placeholder:"FILE" help:"Live through a whole day: CSV with a line for each call (at,language) or half-hour (from,calls and shares of languages)."`
	Shifts    string        `placeholder:"FILE" help:"With --day: who works when, CSV: name,from,to,languages. Instead of --operators."`
	Operators int           `default:"8" help:"With --day: how many operators, all day."`
	Languages []string      `help:"With --day: what they speak; without it, all."`
	Hours     string        `default:"09:00-18:00" help:"With --day: when they work."`
	Queue     string        `help:"With --day: the queue of calls that name none; without it the first."`
	Talk      time.Duration `default:"3m" help:"With --day: mean length of a talk."`
	TalkSigma float64       `default:"0" help:"With --day: spread of talks, as that of a lognormal; 0: exponential."`
	Patience  time.Duration `default:"3m" help:"With --day: mean time until a caller gives up; 0s: never."`
	Ring      time.Duration `default:"4s" help:"With --day: mean time until an operator answers."`
	NoAnswer  float64       `default:"0" help:"With --day: share of offers that nobody answers."`
	Seed      uint64        `default:"1" help:"With --day: another seed is another day of the same kind."`
	Staff     string        `placeholder:"80/20" help:"With --day: find the fewest operators for that: 80 % within 20 s."`
	SVG       string        `placeholder:"FILE" help:"With --day: draw the day."`
}

// usualRules are those of a day without a configuration.
var usualRules = queue.Rules{
	Name: "general", Target: 20 * time.Second, Short: 5 * time.Second, Offer: 15 * time.Second, WrapUp: time.Minute, ReadyOnRegister: true,
}

func (c *simulateCmd) runDay(t *terminal) error {
	plan, err := c.plan(t)
	if err != nil {
		return err
	}
	if c.Staff != "" {
		return c.staff(t, plan)
	}
	r, err := day.Run(plan)
	if err != nil {
		return usageError{err}
	}
	if c.SVG != "" {
		if err := os.WriteFile(c.SVG, day.Draw(r), 0o644); err != nil {
			return fmt.Errorf("--svg: %w", err)
		}
	}
	if c.json() {
		return printJSON(t.out, tellDay(r))
	}
	return printDay(t.out, r)
}

// plan reads the files and flags.
func (c *simulateCmd) plan(t *terminal) (plan day.Plan, err error) {
	plan = day.Plan{
		Rules: []queue.Rules{usualRules}, Talk: day.Spread{Mean: c.Talk, Sigma: c.TalkSigma}, Patience: day.Spread{Mean: c.Patience},
		Ring: c.Ring, NoAnswer: c.NoAnswer, Seed: c.Seed,
	}
	languages := []call.Language{"az", "en", "ru"}
	if c.Config != "" {
		file, err := load(c.Config)
		if err != nil {
			return plan, err
		}
		if rules := app.Rules(file); len(rules) > 0 {
			plan.Rules = rules
		}
		languages = file.Languages
	}
	name := c.Queue
	if name == "" {
		name = plan.Rules[0].Name
	}
	in, err := os.Open(c.Day)
	if err != nil {
		return plan, usageError{fmt.Errorf("--day: %w", err)}
	}
	defer in.Close()
	if plan.Arrivals, err = day.ReadArrivals(c.Day, in, name, languages[0], c.Seed); err != nil {
		return plan, usageError{err}
	}
	plan.Progress = func(come, all int) {
		if all >= 20_000 {
			fmt.Fprintf(t.err, "\r%d of %d calls", come, all)
		}
	}
	if c.Shifts == "" {
		for i, l := range c.Languages {
			languages = append(languages[:i:i], call.Language(l))
		}
		plan.Shifts, err = c.same(c.Operators, languages)
		return plan, err
	}
	who, err := os.Open(c.Shifts)
	if err != nil {
		return plan, usageError{fmt.Errorf("--shifts: %w", err)}
	}
	defer who.Close()
	if plan.Shifts, err = day.ReadShifts(c.Shifts, who); err != nil {
		return plan, usageError{err}
	}
	return plan, nil
}

// same are n operators with the hours of the flag.
func (c *simulateCmd) same(n int, languages []call.Language) ([]day.Shift, error) {
	from, to, _ := strings.Cut(c.Hours, "-")
	a, err1 := time.Parse("15:04", from)
	b, err2 := time.Parse("15:04", to)
	if to == "24:00" {
		b, err2 = a.Add(24*time.Hour-time.Duration(a.Hour())*time.Hour-time.Duration(a.Minute())*time.Minute), nil
	}
	if err1 != nil || err2 != nil || !b.After(a) {
		return nil, usageError{fmt.Errorf("--hours: %q is no span, would be right: 09:00-18:00", c.Hours)}
	}
	zero := time.Date(a.Year(), a.Month(), a.Day(), 0, 0, 0, 0, time.UTC)
	return day.Same(n, languages, a.Sub(zero), b.Sub(zero)), nil
}

// mostStaff bounds the search for enough operators.
const mostStaff = 500

// staff lives through the day with more and more operators until the target is met.
func (c *simulateCmd) staff(t *terminal, plan day.Plan) error {
	share, within, err := target(c.Staff)
	if err != nil {
		return usageError{err}
	}
	for i := range plan.Rules {
		plan.Rules[i].Target = within
	}
	speaks := plan.Shifts[0].Operator.Languages
	for n := 1; n <= mostStaff; n++ {
		fmt.Fprintf(t.err, "\r%d operators", n)
		if plan.Shifts, err = c.same(n, speaks); err != nil {
			return err
		}
		r, err := day.Run(plan)
		if err != nil {
			return usageError{err}
		}
		if r.Total.Level() < share {
			continue
		}
		fmt.Fprintln(t.err)
		if c.json() {
			told := tellDay(r)
			told.Operators = &n
			return printJSON(t.out, told)
		}
		if _, err := fmt.Fprintf(t.out, "%d operators reach %.0f %% within %s.\n\n", n, 100*share, within); err != nil {
			return err
		}
		return printDay(t.out, r)
	}
	return fmt.Errorf("even %d operators do not reach %s: does anybody speak the callers' languages in their hours?", mostStaff, c.Staff)
}

// target reads 80/20: 80 % within 20 s.
func target(text string) (share float64, within time.Duration, err error) {
	percent, seconds, _ := strings.Cut(text, "/")
	p, err1 := strconv.ParseFloat(percent, 64)
	s, err2 := strconv.ParseFloat(seconds, 64)
	if err1 != nil || err2 != nil || p <= 0 || p > 100 || s <= 0 {
		return 0, 0, fmt.Errorf("--staff: %q is no service level, would be right: 80/20 for 80 %% within 20 s", text)
	}
	return p / 100, time.Duration(s * float64(time.Second)), nil
}

// toldDay is a day as JSON. Times are in seconds, shares from 0 to 1.
type toldDay struct {
	Operators *int           `json:"operators,omitempty"` // the fewest that are enough
	Total     toldInterval   `json:"total"`
	Halves    []toldInterval `json:"half_hours"`
	Work      []toldWork     `json:"work"`
	Refused   int            `json:"refused"`
	Unserved  int            `json:"unserved"` // still waiting when the last thing had happened
}

type toldInterval struct {
	From         string    `json:"from"`
	Offered      int       `json:"offered"`
	Answered     int       `json:"answered"`
	Within       int       `json:"answered_within_target"`
	Abandoned    int       `json:"abandoned"`
	Short        int       `json:"abandoned_short"`
	ServiceLevel float64   `json:"service_level"`
	OfAnswered   float64   `json:"service_level_of_answered"`
	Answer       float64   `json:"asa_s"`
	Longest      float64   `json:"longest_s"`
	Operators    float64   `json:"operators"`
	Occupancy    float64   `json:"occupancy"`
	ErlangC      *toldGoal `json:"erlang_c,omitempty"`
	ErlangA      *toldGoal `json:"erlang_a,omitempty"`
}

// toldGoal is what a model says.
type toldGoal struct {
	Within    float64 `json:"within_target"`
	Answer    float64 `json:"asa_s"`
	Abandoned float64 `json:"abandoned"`
	Occupancy float64 `json:"occupancy"`
}

type toldWork struct {
	Name        string  `json:"name"`
	Calls       int     `json:"calls"`
	Utilisation float64 `json:"utilisation"`
}

func tellDay(r *day.Result) toldDay {
	told := toldDay{Total: tellInterval(r, r.Total, false), Halves: []toldInterval{}, Work: []toldWork{}, Refused: r.Refused, Unserved: r.Unserved()}
	for _, i := range r.Intervals {
		told.Halves = append(told.Halves, tellInterval(r, i, true))
	}
	for _, w := range r.Operators {
		told.Work = append(told.Work, toldWork{w.Name, w.Calls, w.Utilisation()})
	}
	return told
}

func tellInterval(r *day.Result, i day.Interval, models bool) toldInterval {
	told := toldInterval{
		From: clockOf(i.From), Offered: i.Offered, Answered: i.Answered, Within: i.AnsweredWithin, Abandoned: i.Abandoned, Short: i.AbandonedShort,
		ServiceLevel: i.Level(), OfAnswered: i.Levels()[1], Answer: i.Answer().Seconds(), Longest: i.Longest.Seconds(),
		Operators: i.Operators(), Occupancy: i.Occupancy(),
	}
	if models {
		told.ErlangC, told.ErlangA = goal(erlang.C(r.Load(i), r.Target)), goal(erlang.A(r.Load(i), r.Target))
	}
	return told
}

// goal is a forecast; nil where the model has none, because more comes than can be served.
func goal(f erlang.Forecast) *toldGoal {
	if f.Unstable {
		return nil
	}
	return &toldGoal{f.Within, f.Answer.Seconds(), f.Abandoned, f.Occupancy}
}

func clockOf(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// printDay tells a day to a person.
func printDay(w io.Writer, r *day.Result) error {
	rows := [][]string{{"FROM", "CALLS", "ANSWERED", "GAVE UP", "LEVEL", "C", "A", "ASA", "LONGEST", "OPERATORS", "BUSY"}}
	add := func(from string, i day.Interval, c, a string) {
		level := "-"
		if i.Offered > 0 {
			level = percent(i.Level())
		}
		rows = append(rows, []string{
			from, strconv.Itoa(i.Offered), strconv.Itoa(i.Answered), fmt.Sprintf("%d (%d at once)", i.Abandoned, i.AbandonedShort), level, c, a,
			i.Answer().Round(time.Second).String(), i.Longest.Round(time.Second).String(), fmt.Sprintf("%.1f", i.Operators()), percent(i.Occupancy()),
		})
	}
	for _, i := range r.Intervals {
		add(clockOf(i.From), i, model(erlang.C, r, i), model(erlang.A, r, i))
	}
	total := r.Total
	total.Present = 0
	add("all", total, "", "")
	rows[len(rows)-1][9] = ""
	if err := printTable(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nLEVEL: answered within %s, of all who were answered or gave up in earnest; of the answered alone %s.\n"+
		"C, A: the same by Erlang C (nobody gives up) and Erlang A (patience %s), for this half-hour by itself.\nBUSY: share of the time at work in talks and wrap-ups; 80 to 85 %% is healthy.\n",
		r.Target, percent(total.Levels()[1]), r.Patience)
	if n := r.Unserved(); err == nil && n > 0 {
		_, err = fmt.Fprintf(w, "%d callers were never served: nobody at work spoke their language.\n", n)
	}
	return err
}

func model(m func(erlang.Load, time.Duration) erlang.Forecast, r *day.Result, i day.Interval) string {
	load := r.Load(i)
	if i.Offered == 0 || load.Operators == 0 {
		return "-"
	}
	f := m(load, r.Target)
	if f.Unstable {
		return "too few"
	}
	return percent(f.Within)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

// errOneOf asks for one of the two ways to simulate.
var errOneOf = errors.New("write either --at and --from for one caller, or --day for a whole day")
