package main

import (
	"context"
	"fmt"
	"time"

	"hotline/control"
)

type callCmd struct {
	List  callListCmd  `cmd:"" help:"List calls, newest first."`
	Trace callTraceCmd `cmd:"" help:"Tell one call's story, message by message."`

	Prioritise callPrioritiseCmd `cmd:"" help:"Put a caller who waits forward."`

	Pause  callPauseCmd  `cmd:"" help:"Pause the recording of a talk."`
	Resume callResumeCmd `cmd:"" help:"Go on with the recording of a talk."`
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
	ask := func(client *control.Client) (control.Calls, error) {
		return client.Calls(context.Background(), control.CallFilter{Since: since, Limit: c.Limit, All: c.All})
	}
	return look(t, c.fileFlag, c.outFlag, ask, func(answer control.Calls) error {
		rows := [][]string{{"CALL", "ARRIVED", "LINE", "LANGUAGE", "OPERATOR", "OUTCOME", "WAITED", "TALKED", "RECORDING", "KIND"}}
		for _, r := range answer.Calls {
			rows = append(rows, []string{
				r.ID, str(r.Arrived), r.Line, str(r.Language), str(r.Operator), str(r.Outcome), ms(r.WaitedMS), ms(r.TalkedMS), recordingOf(r.Recording, r.Paused), r.Kind,
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

// recordingOf says of a call whether there is a recording, and whether it is paused.
func recordingOf(path *string, paused *control.RecordingPause) string {
	switch {
	case paused != nil:
		return "paused"
	case path != nil:
		return "yes"
	}
	return "-"
}
