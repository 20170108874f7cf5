package main

import (
	"context"
	"fmt"
	"time"

	"hotline/control"
)

type queueCmd struct {
	Show  queueShowCmd  `cmd:"" help:"Show who waits, and how long."`
	Watch queueWatchCmd `cmd:"" help:"A live board of queues and operators."`
	Log   queueLogCmd   `cmd:"" help:"Print the queues' journal in the form of Asterisk's queue_log."`
}

type queueShowCmd struct {
	fileFlag
	outFlag
}

func (queueShowCmd) Help() string {
	return "The queues, who is in them in the order in which they are served, and what the operators of each language do.\n\nExample: hotline queue show"
}

func (c *queueShowCmd) Run(t *terminal) error {
	ask := func(client *control.Client) (control.Queues, error) {
		return client.Queues(context.Background())
	}
	return show(t, c.fileFlag, c.outFlag, ask, func(answer control.Queues) error {
		rows := [][]string{{"QUEUE", "WAITING", "LONGEST", "CALLBACKS"}}
		callers := [][]string{{"QUEUE", "PLACE", "CALL", "LANGUAGE", "WAITED", "RUNG", "CALLBACK"}}
		staff := [][]string{{"QUEUE", "LANGUAGE", "READY", "OFFERED", "TALKING", "HOLDING", "WRAP-UP", "PAUSED", "UNREACHABLE", "OFFLINE"}}
		for _, q := range answer.Queues {
			rows = append(rows, []string{q.Name, fmt.Sprint(q.Waiting), seconds(q.LongestWaitMS), fmt.Sprint(q.Callbacks)})
			for _, w := range q.Calls {
				callers = append(callers, []string{q.Name, fmt.Sprint(w.Position), w.Call, w.Language, seconds(w.WaitedMS), str(w.Offered), calledBack(w)})
			}
			for _, s := range q.Staff {
				staff = append(staff, append([]string{q.Name, s.Language},
					counts(s.Ready, s.Offered, s.Talking, s.Holding, s.WrapUp, s.Paused, s.Unreachable, s.Offline)...))
			}
		}
		for i, table := range [][][]string{rows, callers, staff, pauseRows(answer.Pauses)} {
			if i > 0 && len(table) == 1 {
				continue
			}
			if i > 0 {
				fmt.Fprintln(t.out)
			}
			if err := printTable(t.out, table); err != nil {
				return err
			}
		}
		return nil
	})
}

func counts(ns ...int) []string {
	out := make([]string, len(ns))
	for i, n := range ns {
		out[i] = fmt.Sprint(n)
	}
	return out
}

func seconds(ms int64) string {
	return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
}

// calledBack says of somebody in a queue whether they are to be called, and when again.
func calledBack(w control.Waiting) string {
	switch {
	case !w.Callback:
		return "-"
	case w.Again != nil:
		return "not before " + *w.Again
	}
	return "yes"
}

type callPrioritiseCmd struct {
	fileFlag
	Call string        `arg:"" help:"Which: the beginning of its id is enough."`
	By   time.Duration `required:"" placeholder:"5m" help:"So much longer the caller counts as having waited; 0s takes it back."`
}

func (callPrioritiseCmd) Help() string { return "Example: hotline call prioritise 019aa1b2 --by 5m" }

func (c *callPrioritiseCmd) Run(t *terminal) error {
	return c.press(t, fmt.Sprintf("call %s counts as having waited %v longer", c.Call, c.By), func(client *control.Client) error {
		return client.Prioritise(context.Background(), c.Call, c.By)
	})
}
