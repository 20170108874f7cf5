package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"hotline/app"
)

type simulateCmd struct {
	fileFlag
	outFlag
	dayFlags
	At   string `placeholder:"TIME" help:"When: 2026-12-05T10:00 on the clock of the configuration, or RFC 3339."`
	From string `placeholder:"NUMBER" help:"Who calls; anonymous for a caller who withholds it."`
	Line string `placeholder:"NUMBER" help:"The number dialled; without it the first line's."`
	Keys string `placeholder:"KEYS" help:"Keys pressed, each when something is asked and has been heard."`
}

func (simulateCmd) Help() string {
	return "What this caller would hear and where the call would go, told by the code that serves callers. Nothing is placed and no server is needed.\n\n" +
		"Example: hotline simulate --config /etc/hotline.yaml --at 2026-12-31T10:00 --from +994125550100 --keys 2\n\n" +
		"With --day it lives through a whole day with the queue that decides in the server: who waited how long, how many gave up, how busy people were, beside what Erlang's formulas say; with --staff 80/20 it finds how many people the day needs.\n\n" +
		"Example: hotline simulate --day arrivals.csv --operators 8 --svg day.svg"
}

func (c *simulateCmd) Run(t *terminal) error {
	switch {
	case (c.Day != "") == (c.At != "" || c.From != ""), c.Day == "" && (c.At == "" || c.From == ""):
		return usageError{errOneOf}
	case c.Day != "":
		return c.runDay(t)
	}
	file, err := load(c.Config)
	if err != nil {
		return err
	}
	at, err := atTime(c.At, file.Zone())
	if err != nil {
		return usageError{err}
	}
	if err := app.CheckKeys(c.Keys); err != nil {
		return usageError{fmt.Errorf("--keys: %w", err)}
	}
	story, err := app.Simulate(file, app.Caller{At: at, From: c.From, Line: c.Line, Keys: c.Keys})
	switch {
	case errors.Is(err, app.ErrNoLine) && c.Line != "":
		return usageError{fmt.Errorf("--line: %w", err)}
	case errors.Is(err, app.ErrNoLine):
		return file.Serveable()
	case err != nil:
		return err
	case c.json():
		return printJSON(t.out, story)
	}
	return printStory(t.out, story)
}

// atTime reads a time on the clock of a zone, or one that says its own.
func atTime(text string, zone *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("--at: %q is no time, write 2026-12-05T10:00 or 2026-12-05T10:00:00+04:00", text)
}

// printStory tells a story to a person.
func printStory(w io.Writer, s *app.Story) error {
	fmt.Fprintf(w, "%s, line %s: %s\n\n", s.At.Format("Monday 2 January 2006, 15:04:05 -07:00"), s.Line, s.Standing())
	rows := [][]string{{"DOES", "CLIP", "LANGUAGE", "SAYS"}}
	for _, step := range s.Steps {
		rows = append(rows, []string{step.Do, step.Clip, string(step.Language), step.Text})
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nends: %s\n", s.Ends)
	return err
}
