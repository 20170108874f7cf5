package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hotline/control"
)

type recordingPurgeCmd struct {
	fileFlag
	outFlag
	byFlag
	DryRun       bool   `help:"Show what is due, what is held back, and what comes due next. Erases nothing."`
	ClockIsRight bool   `help:"Vouch for the clock: what is due is erased again at once, and not only when it has been steady for a day."`
	With         string `placeholder:"NAME" help:"The second person who decides it."`
	Why          string `placeholder:"TEXT" help:"Why, in three words or more: it is written down for good."`
	Call         string `arg:"" optional:"" help:"A call's id, or its beginning: its recording and messages are erased before their time."`
}

func (recordingPurgeCmd) Help() string {
	return "What is due is erased by itself, once an hour. This shows it, or erases one recording because two persons have ordered it: " +
		"not under a hold, not while a case is open, not before three calendar months are over.\n\n" +
		"Examples:\n  hotline recording purge --dry-run\n  hotline recording purge 0197e0e4 --by rena --with sara --why \"order 3/2027 of the court\"\n  hotline recording purge --clock-is-right --by rena"
}

func (c *recordingPurgeCmd) Run(t *terminal) error {
	switch ways := count(c.DryRun, c.ClockIsRight, c.Call != ""); {
	case ways != 1:
		return usageError{errors.New("say one: --dry-run, --clock-is-right, or the id of a call")}
	case c.DryRun:
		return c.plan(t)
	case c.ClockIsRight:
		if c.Why == "" {
			c.Why = "the clock was looked at and is right"
		}
		return withClient(c.Config, func(client *control.Client) error {
			if err := client.ClockIsRight(context.Background(), control.Decision{By: c.by(), Why: c.Why}); err != nil {
				return err
			}
			fmt.Fprintln(t.out, "the clock is believed again")
			return nil
		})
	case c.Why == "" || c.With == "":
		return usageError{errors.New("erasing one recording needs --why and --with")}
	}
	ask := func(client *control.Client) (control.Certificate, error) {
		return client.PurgeOne(context.Background(), c.Call, control.Decision{By: c.by(), With: c.With, Why: c.Why})
	}
	return look(t, c.fileFlag, c.outFlag, ask, func(done control.Certificate) error {
		for _, e := range done.Erased {
			fmt.Fprintf(t.out, "erased: %s %s, %s\n", e.Kind, e.ID, e.Path)
		}
		fmt.Fprintf(t.out, "certificate: %s\n", done.File)
		return nil
	})
}

func count(so ...bool) (n int) {
	for _, b := range so {
		if b {
			n++
		}
	}
	return n
}

// plan shows what the next pass would do.
func (c *recordingPurgeCmd) plan(t *terminal) error {
	ask := func(client *control.Client) (control.Purge, error) {
		return client.PurgePlan(context.Background())
	}
	return look(t, c.fileFlag, c.outFlag, ask, func(p control.Purge) error {
		if p.Stopped != nil {
			fmt.Fprintf(t.out, "nothing is erased: %s; believed again in %v, or by --clock-is-right\n", *p.Stopped, time.Duration(p.SteadyForMS)*time.Millisecond)
		}
		fmt.Fprintf(t.out, "due: %d, held back: %d\n", len(p.Due), len(p.Held))
		if p.Next != nil {
			fmt.Fprintf(t.out, "next: %s %s on %s\n", p.Next.Kind, p.Next.ID, str(p.Next.Due))
		}
		rows := [][]string{{"", "KIND", "ID", "CLASS", "DUE", "WHY"}}
		for _, e := range p.Due {
			rows = append(rows, []string{"due", e.Kind, e.ID, e.Class, str(e.Due), e.Rule})
		}
		for _, h := range p.Held {
			rows = append(rows, []string{"held", h.Kind, h.ID, h.Class, "-", h.Why})
		}
		if len(rows) == 1 {
			return nil
		}
		return printTable(t.out, rows)
	})
}
