package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"hotline/control"
)

type operatorCmd struct {
	List   operatorListCmd   `cmd:"" help:"List operators and what they do now."`
	Pause  operatorPauseCmd  `cmd:"" help:"Offer an operator nobody."`
	Resume operatorResumeCmd `cmd:"" help:"End a pause or a wrap-up."`
	WrapUp operatorWrapUpCmd `cmd:"" name:"wrap-up" help:"Give an operator another wrap-up's time."`
}

type operatorListCmd struct {
	fileFlag
	outFlag
}

func (operatorListCmd) Help() string {
	return "MISSED are offers let pass in a row. UNTIL is when a wrap-up, or the rest after a missed offer, ends.\n\nExample: hotline operator list"
}

func (c *operatorListCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Operators, error) {
		return client.Operators(context.Background())
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(answer control.Operators) error {
		rows := [][]string{{"NAME", "STATE", "FOR", "UNTIL", "REASON", "LANGUAGES", "SKILLS", "REGISTERED", "MISSED", "CALL", "LAST CALL"}}
		for _, o := range answer.Operators {
			rows = append(rows, []string{
				o.Name, o.State, ago(o.Since), until(o), reason(o), strings.Join(o.Languages, ","), skillList(o.Skills),
				yesNo(o.Registered), fmt.Sprint(o.Missed), str(o.Call), str(o.LastCall),
			})
		}
		return printTable(t.out, rows)
	})
}

func ago(t time.Time) string { return time.Since(t).Round(time.Second).String() }

// until is how long a wrap-up, or a rest after a missed offer, will still take.
func until(o control.Operator) string {
	end := o.WrapsUntil
	if end == nil {
		end = o.RestsUntil
	}
	if end == nil {
		return "-"
	}
	at, err := time.Parse(time.RFC3339, *end)
	if err != nil {
		return *end
	}
	return "in " + max(0, time.Until(at)).Round(time.Second).String()
}

// reason is that of a pause, also of one that begins with the end of a talk.
func reason(o control.Operator) string {
	if o.Paused && o.State != "paused" {
		return str(o.Reason) + " (next)"
	}
	return str(o.Reason)
}

type operatorPauseCmd struct {
	fileFlag
	Name   string `arg:"" help:"Who."`
	Reason string `default:"pause" help:"Why: one of operators.pauses."`
	Anyway bool   `help:"Also where too few are left at work (operators.cover)."`
}

func (operatorPauseCmd) Help() string { return "Example: hotline operator pause aysel --reason lunch" }

func (c *operatorPauseCmd) Run(t *terminal) error {
	return c.press(t, c.Name+" paused", func(client *control.Client) error {
		return client.Pause(context.Background(), c.Name, c.Reason, c.Anyway)
	})
}

type operatorResumeCmd struct {
	fileFlag
	Name string `arg:"" help:"Who."`
}

func (operatorResumeCmd) Help() string { return "Example: hotline operator resume aysel" }

func (c *operatorResumeCmd) Run(t *terminal) error {
	return c.press(t, c.Name+" is ready", func(client *control.Client) error {
		return client.Resume(context.Background(), c.Name)
	})
}

type operatorWrapUpCmd struct {
	fileFlag
	Name string `arg:"" help:"Who."`
}

func (operatorWrapUpCmd) Help() string {
	return "As *47 from the telephone; during a talk the wrap-up after it becomes longer.\n\nExample: hotline operator wrap-up aysel"
}

func (c *operatorWrapUpCmd) Run(t *terminal) error {
	return c.press(t, c.Name+" has another wrap-up's time", func(client *control.Client) error {
		return client.ExtendWrapUp(context.Background(), c.Name)
	})
}
