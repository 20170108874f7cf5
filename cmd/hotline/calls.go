package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"hotline/control"
)

type callCmd struct {
	List  callListCmd  `cmd:"" help:"List calls, newest first."`
	Trace callTraceCmd `cmd:"" help:"Tell one call's story, message by message."`

	Prioritise callPrioritiseCmd `cmd:"" help:"Put a caller who waits forward."`
}

type callListCmd struct {
	fileFlag
	outFlag
	Since string `placeholder:"TIME" help:"Only calls that arrived since: RFC 3339, or a span such as 2h."`
	Limit int    `default:"100" help:"How many at most."`
	All   bool   `help:"Operators' own calls and consults too."`
}

func (callListCmd) Help() string { return "Example: hotline call list --since 2h --limit 20" }

func (c *callListCmd) Run(t *terminal) error {
	since, err := sinceTime(c.Since, time.Now())
	if err != nil {
		return usageError{err}
	}
	if c.Limit < 1 {
		return usageError{fmt.Errorf("--limit: %d, must be at least 1", c.Limit)}
	}
	return withClient(c.Config, func(client *control.Client) error {
		answer, err := client.Calls(context.Background(), control.CallFilter{Since: since, Limit: c.Limit, All: c.All})
		if err != nil {
			return err
		}
		if c.json() {
			return printJSON(t.out, answer)
		}
		rows := [][]string{{"CALL", "ARRIVED", "LINE", "LANGUAGE", "OPERATOR", "OUTCOME", "WAITED", "TALKED", "KIND"}}
		for _, r := range answer.Calls {
			rows = append(rows, []string{
				r.ID, str(r.Arrived), r.Line, str(r.Language), str(r.Operator), str(r.Outcome), ms(r.WaitedMS), ms(r.TalkedMS), r.Kind,
			})
		}
		if !c.All { // all of one kind
			for i := range rows {
				rows[i] = rows[i][:len(rows[i])-1]
			}
		}
		return printTable(t.out, rows)
	})
}

// sinceTime reads an RFC 3339 time or a span before now. Empty is the beginning of time.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("--since: %q is neither a time nor a span, write 2026-12-05T09:00:00+04:00 or 2h", text)
}

func str(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

func ms(v *int64) string {
	if v == nil {
		return "-"
	}
	return (time.Duration(*v) * time.Millisecond).Round(100 * time.Millisecond).String()
}

type recordingCmd struct {
	List   recordingListCmd   `cmd:"" help:"List recordings."`
	Verify recordingVerifyCmd `cmd:"" help:"Prove that no recording was altered, cut or removed."`
}

type recordingListCmd struct {
	fileFlag
	outFlag
}

func (recordingListCmd) Help() string { return "Example: hotline recording list -o json" }

func (c *recordingListCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		answer, err := client.Recordings(context.Background())
		if err != nil {
			return err
		}
		if c.json() {
			return printJSON(t.out, answer)
		}
		rows := [][]string{{"CALL", "STATE", "LENGTH", "LIES", "PATH"}}
		for _, r := range answer.Recordings {
			rows = append(rows, []string{r.Call, r.State, ms(&r.DurationMS), lies(r.Local, r.Away), r.Path})
		}
		return printTable(t.out, rows)
	})
}

// lies says where a sound lies.
func lies(here bool, away []string) string {
	if here {
		away = append([]string{"here"}, away...)
	}
	if len(away) == 0 {
		return "-"
	}
	return strings.Join(away, ",")
}

type recordingVerifyCmd struct {
	fileFlag
	outFlag
	Away bool `help:"Read back what lies away from this machine instead, and compare it with the manifests here."`
}

func (recordingVerifyCmd) Help() string {
	return "With --away every byte that lies in recording.away is read back, which takes as long as its network does.\n\nExample: hotline recording verify --away"
}

func (c *recordingVerifyCmd) Run(t *terminal) error {
	if c.Away {
		return c.away(t)
	}
	return withClient(c.Config, func(client *control.Client) error {
		answer, err := client.Verify(context.Background())
		if err != nil {
			return err
		}
		switch {
		case c.json():
			err = printJSON(t.out, answer)
		case len(answer.Faults) == 0:
			fmt.Fprintf(t.out, "%d recordings: good\n", answer.Checked)
		default:
			for _, f := range answer.Faults {
				fmt.Fprintf(t.out, "%s: %s\n", f.Path, f.Problem)
			}
		}
		if err == nil && len(answer.Faults) > 0 {
			return notSo{}
		}
		return err
	})
}

// away is verify --away.
func (c *recordingVerifyCmd) away(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		answer, err := client.VerifyAway(context.Background())
		if err != nil {
			return err
		}
		if c.json() {
			err = printJSON(t.out, answer)
		} else {
			for _, f := range answer.Faults {
				fmt.Fprintf(t.out, "%s: %s: %s\n", f.Place, f.Path, f.Problem)
			}
			for _, o := range answer.Owed {
				fmt.Fprintf(t.out, "%s was erased on %s and is still to be erased at %s\n", o.Call, o.Asked, strings.Join(o.Places, ", "))
			}
			if answer.Waiting > 0 {
				fmt.Fprintf(t.out, "%d copies are still to be made\n", answer.Waiting)
			}
			if len(answer.Faults) == 0 {
				fmt.Fprintf(t.out, "%d copies: good\n", answer.Checked)
			}
		}
		if err == nil && len(answer.Faults) > 0 {
			return notSo{}
		}
		return err
	})
}
