package main

import (
	"context"
	"fmt"
	"time"

	"hotline/control"
)

type callbackCmd struct {
	List      callbackListCmd      `cmd:"" help:"List who is to be called back."`
	Abandoned callbackAbandonedCmd `cmd:"" help:"List who gave up in a queue and was not spoken to since."`
	Add       callbackAddCmd       `cmd:"" help:"Have the caller of a call that nobody answered called back."`
	Cancel    callbackCancelCmd    `cmd:"" help:"Let somebody be called back no more."`
}

// A numbersFlag shows what is hidden otherwise.
type numbersFlag struct {
	Numbers bool `help:"Callers' numbers whole. The server's log says that they were shown."`
}

type callbackListCmd struct {
	fileFlag
	outFlag
	numbersFlag
}

func (callbackListCmd) Help() string {
	return "PLACE counts everybody who waits in the queue; \"now\" is being called. TRIES are those that reached nobody.\n\nExample: hotline callback list"
}

func (c *callbackListCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Callbacks, error) {
		return client.Callbacks(context.Background(), c.Numbers)
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(answer control.Callbacks) error {
		rows := [][]string{{"CALLBACK", "QUEUE", "LANGUAGE", "NUMBER", "ASKED", "PLACE", "TRIES", "NOT BEFORE", "OPERATOR"}}
		for _, b := range answer.Callbacks {
			place := fmt.Sprint(b.Position)
			if b.Position == 0 {
				place = "now"
			}
			rows = append(rows, []string{b.ID, b.Queue, b.Language, b.Number, str(b.Asked), place, fmt.Sprint(b.Tries), str(b.Again), str(b.Operator)})
		}
		return printTable(t.out, rows)
	})
}

type callbackAbandonedCmd struct {
	fileFlag
	outFlag
	numbersFlag
	Since string `default:"24h" placeholder:"TIME" help:"Only calls that arrived since: RFC 3339, or a span such as 2h."`
}

func (callbackAbandonedCmd) Help() string {
	return "One row for each number, the newest first: who waited longer than the queue's short, showed a number, and has neither talked to an operator nor been called back since. TIMES is how often they gave up. Queue one with: hotline callback add --from-call CALL\n\nExample: hotline callback abandoned --since 8h"
}

func (c *callbackAbandonedCmd) Run(t *terminal) error {
	since, err := sinceTime(c.Since, time.Now())
	if err != nil {
		return usageError{err}
	}
	ask := func(client *control.Client) (control.Abandons, error) {
		return client.Abandoned(context.Background(), control.AbandonFilter{Since: since, Numbers: c.Numbers})
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(answer control.Abandons) error {
		rows := [][]string{{"CALL", "ARRIVED", "QUEUE", "LANGUAGE", "NUMBER", "WAITED", "TIMES"}}
		for _, a := range answer.Calls {
			rows = append(rows, []string{a.Call, str(a.Arrived), a.Queue, a.Language, a.Number, ms(&a.WaitedMS), fmt.Sprint(a.Times)})
		}
		return printTable(t.out, rows)
	})
}

type callbackAddCmd struct {
	fileFlag
	outFlag
	FromCall string `required:"" placeholder:"CALL" help:"Whose: the beginning of its id is enough."`
}

func (callbackAddCmd) Help() string {
	return "The caller goes to the end of the call's queue, in the call's language. An operator is rung first, then the caller; only in the queue's hours.\n\nExample: hotline callback add --from-call 019aa1b2"
}

func (c *callbackAddCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Callback, error) {
		return client.AddCallback(context.Background(), c.FromCall)
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(made control.Callback) error {
		fmt.Fprintf(t.out, "callback %s: in %s, place %d\n", made.ID, made.Queue, made.Position)
		return nil
	})
}

type callbackCancelCmd struct {
	fileFlag
	Callback string `arg:"" help:"Which: the beginning of its id is enough."`
}

func (callbackCancelCmd) Help() string { return "Example: hotline callback cancel 019aa1b2" }

func (c *callbackCancelCmd) Run(t *terminal) error {
	return c.press(t, fmt.Sprintf("callback %s is cancelled", c.Callback), func(client *control.Client) error {
		return client.CancelCallback(context.Background(), c.Callback)
	})
}
