package main

import (
	"context"
	"fmt"
	"time"

	"hotline/control"
)

type callPauseCmd struct {
	fileFlag
	byFlag
	Call   string        `arg:"" help:"Which: the beginning of its id is enough."`
	Reason string        `required:"" help:"Why, in one line. It is kept with the recording: write no secret and no name."`
	For    time.Duration `placeholder:"90s" help:"Go on by itself after this time, if recording.pause.longest is not shorter."`
}

func (callPauseCmd) Help() string {
	return "Neither side is written from now on; both hear a beep. It goes on by 'hotline call resume', after recording.pause.longest, at the end of the talk, and with a transfer.\n\n" +
		"Example: hotline call pause 019aa1b2 --reason card-number --for 90s"
}

func (c *callPauseCmd) Run(t *terminal) error {
	if c.For < 0 {
		return usageError{fmt.Errorf("--for: %v, must not be negative", c.For)}
	}
	return c.press(t, "the recording of call "+c.Call+" is paused", func(client *control.Client) error {
		return client.PauseRecording(context.Background(), c.Call, c.Reason, c.by(), c.For)
	})
}

type callResumeCmd struct {
	fileFlag
	byFlag
	Call string `arg:"" help:"Which: the beginning of its id is enough."`
}

func (callResumeCmd) Help() string { return "Example: hotline call resume 019aa1b2" }

func (c *callResumeCmd) Run(t *terminal) error {
	return c.press(t, "the recording of call "+c.Call+" goes on", func(client *control.Client) error {
		return client.ResumeRecording(context.Background(), c.Call, c.by())
	})
}

// pauseRows are recordings that are paused, with a heading.
func pauseRows(pauses []control.RecordingPause) [][]string {
	rows := [][]string{{"PAUSED RECORDING", "OPERATOR", "BY", "WHO", "REASON", "SINCE", "UNTIL"}}
	for _, p := range pauses {
		rows = append(rows, []string{p.Call, str(p.Operator), p.By, p.Who, p.Reason, str(p.Since), str(p.Until)})
	}
	return rows
}
