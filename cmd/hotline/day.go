package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"hotline/app"
	"hotline/configs"
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

func (c *simulateCmd) runDay(t *terminal) error {
	var file *configs.File
	if c.Config != "" {
		var err error
		if file, err = load(c.Config); err != nil {
			return err
		}
	}
	long := false
	story, err := app.SimulateDay(file, app.Day{
		Calls: c.Day, Shifts: c.Shifts, Operators: c.Operators, Languages: c.Languages, Hours: c.Hours, Queue: c.Queue, Talk: c.Talk,
		TalkSigma: c.TalkSigma, Patience: c.Patience, Ring: c.Ring, NoAnswer: c.NoAnswer, Seed: c.Seed, Staff: c.Staff,
		Progress: func(what string) { long = true; fmt.Fprintf(t.err, "\r%s ", what) },
	})
	if long {
		fmt.Fprintln(t.err)
	}
	switch {
	case errors.Is(err, app.ErrNotEnough):
		return err
	case err != nil:
		return usageError{err}
	}
	if c.SVG != "" {
		if err := os.WriteFile(c.SVG, story.SVG(), 0o644); err != nil {
			return fmt.Errorf("--svg: %w", err)
		}
	}
	if c.json() {
		return printJSON(t.out, story)
	}
	return printDay(t.out, story, c.Staff)
}

// printDay tells a day to a person.
func printDay(w io.Writer, d *app.DayStory, staff string) error {
	if d.Operators != nil {
		if _, err := fmt.Fprintf(w, "%d operators are enough for %s.\n\n", *d.Operators, staff); err != nil {
			return err
		}
	}
	rows := [][]string{{"FROM", "CALLS", "ANSWERED", "GAVE UP", "LEVEL", "C", "A", "ASA", "LONGEST", "OPERATORS", "BUSY"}}
	for _, p := range d.Halves {
		rows = append(rows, append(dayRow(p.From, p), fmt.Sprintf("%.1f", p.Operators), percent(p.Occupancy)))
	}
	rows = append(rows, append(dayRow("all", d.Total), "", percent(d.Total.Occupancy)))
	last := rows[len(rows)-1]
	last[5], last[6] = "", ""
	if err := printTable(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nLEVEL: answered within %s, of all who were answered or gave up in earnest; of the answered alone %s.\n"+
		"C, A: the same by Erlang C (nobody gives up) and Erlang A (patience %s), for this half-hour by itself.\nBUSY: share of the time at work in talks and wrap-ups; 80 to 85 %% is healthy.\n",
		inSeconds(d.Target), percent(d.Total.OfAnswered), inSeconds(d.Patience))
	if err == nil && d.Unserved > 0 {
		_, err = fmt.Fprintf(w, "%d callers were still waiting at the end: nobody was at work who could take them.\n", d.Unserved)
	}
	return err
}

func dayRow(from string, p app.DayPart) []string {
	level := "-"
	if p.Offered > 0 {
		level = percent(p.ServiceLevel)
	}
	return []string{
		from, strconv.Itoa(p.Offered), strconv.Itoa(p.Answered), fmt.Sprintf("%d (%d at once)", p.Abandoned, p.Short), level,
		model(p, p.ErlangC), model(p, p.ErlangA), inSeconds(p.Answer).String(), inSeconds(p.Longest).String(),
	}
}

func model(p app.DayPart, m *app.DayModel) string {
	switch {
	case p.Offered == 0 || p.Operators < 0.5:
		return "-"
	case m == nil:
		return "too few"
	}
	return percent(m.Within)
}

func inSeconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

// errOneOf asks for one of the two ways to simulate.
var errOneOf = errors.New("write either --at and --from for one caller, or --day for a whole day")
