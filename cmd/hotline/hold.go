package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"hotline/control"
)

type recordingHoldCmd struct {
	Add  holdAddCmd  `cmd:"" default:"withargs" help:"Keep a recording from being erased."`
	Lift holdLiftCmd `cmd:"" help:"Let it go again: two persons decide that."`
	List holdListCmd `cmd:"" help:"List what keeps recordings from being erased."`
}

type holdAddCmd struct {
	fileFlag
	outFlag
	byFlag
	whyFlag
	untilFlag
	Number string `placeholder:"NUMBER" help:"Hold all calls there are of a caller's number instead of one call."`
	Call   string `arg:"" optional:"" help:"The call's id, or its beginning."`
}

func (holdAddCmd) Help() string {
	return "A hold beats every other rule: while it binds, the recording, those of consults about the call and the messages left in it stay. " +
		"A hold on a number is on the calls that it has made until now. The word add may be left out.\n\nExample: hotline recording hold add 0197e0e4 --by rena --why \"court order 12/2026\" --until 365d"
}

func (c *holdAddCmd) Run(t *terminal) error {
	until, err := c.until(time.Now())
	if err != nil {
		return err
	}
	return withClient(c.Config, func(client *control.Client) error {
		h, err := client.Hold(context.Background(), control.NewHold{Call: c.Call, Number: c.Number, Why: c.Why, By: c.by(), Until: until})
		return c.say(t, h, err, fmt.Sprintf("hold %d keeps %d calls", h.ID, len(h.Calls)))
	})
}

// say prints what became of a hold.
func (f outFlag) say(t *terminal, h control.Hold, err error, text string) error {
	switch {
	case err != nil:
		return err
	case f.json():
		return printJSON(t.out, h)
	}
	_, err = fmt.Fprintln(t.out, text)
	return err
}

type holdLiftCmd struct {
	fileFlag
	outFlag
	byFlag
	whyFlag
	withFlag
	Hold int64 `arg:"" help:"The hold's number, as list shows it."`
}

func (holdLiftCmd) Help() string {
	return "Example: hotline recording hold lift 3 --by rena --with sara --why \"the court has decided\""
}

func (c *holdLiftCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		h, err := client.LiftHold(context.Background(), c.Hold, control.Decision{By: c.by(), With: c.With, Why: c.Why})
		return c.say(t, h, err, fmt.Sprintf("hold %d is lifted", h.ID))
	})
}

type holdListCmd struct {
	fileFlag
	outFlag
	All    bool   `help:"Those too that do not bind any more."`
	Number string `placeholder:"NUMBER" help:"Only those of a caller's number."`
	Call   string `placeholder:"ID" help:"Only those of a call."`
}

func (holdListCmd) Help() string { return "Example: hotline recording hold list --all" }

func (c *holdListCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Holds, error) {
		return client.Holds(context.Background(), control.HoldFilter{All: c.All, Number: c.Number, Call: c.Call})
	}
	return look(t, c.fileFlag, c.outFlag, ask, func(answer control.Holds) error {
		rows := [][]string{{"HOLD", "SINCE", "UNTIL", "BY", "CALLS", "WHY", "LIFTED", "LIFTED BY"}}
		for _, h := range answer.Holds {
			calls := fmt.Sprint(len(h.Calls))
			if len(h.Calls) == 1 {
				calls = h.Calls[0]
			}
			lifted := strings.Trim(h.LiftedBy+", "+h.LiftedWith, ", ")
			rows = append(rows, []string{fmt.Sprint(h.ID), str(h.At), str(h.Until), h.By, calls, h.Why, str(h.Lifted), lifted})
		}
		return printTable(t.out, rows)
	})
}
