package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hotline/app"
	"hotline/control"
)

type recordingVerifyCmd struct {
	fileFlag
	outFlag
	Away   bool     `help:"Read back what lies away from this machine instead, and compare it with the manifests here."`
	Folder string   `placeholder:"DIR" help:"Verify a copy of the folder of recordings instead, with nothing but the public key."`
	Key    string   `placeholder:"FILE" help:"With --folder: the public key, as 'recording key' printed it."`
	Head   []string `placeholder:"FILE" help:"With --folder: a head that was kept elsewhere; may be given several times."`
}

func (recordingVerifyCmd) Help() string {
	return "Examples: hotline recording verify\n          hotline recording verify --folder /mnt/copy/recordings --key node.pem --head 2026-12-05.json\n" +
		"          hotline recording verify --away\n\nWith --away every byte that lies in recording.away is read back, which takes as long as its network does."
}

func (c *recordingVerifyCmd) Run(t *terminal) error {
	switch {
	case c.Away && c.Folder != "":
		return usageError{errors.New("--away and --folder: say one")}
	case c.Away:
		return c.away(t)
	case c.Folder != "":
		return c.folder(t)
	}
	if c.Key != "" || len(c.Head) > 0 {
		return usageError{errors.New("--key and --head go with --folder: the server knows its own")}
	}
	return withClient(c.Config, func(client *control.Client) error {
		answer, err := client.Verify(context.Background())
		if err != nil {
			return err
		}
		return c.tell(t, answer)
	})
}

// folder verifies a copy, wherever it lies.
func (c *recordingVerifyCmd) folder(t *terminal) error {
	if c.Key == "" {
		return usageError{errors.New("--folder wants --key FILE: without a key that was kept elsewhere, a forger's own would be good")}
	}
	answer, err := app.VerifyFolder(c.Folder, c.Key, c.Head, t.progress("recordings"))
	if err != nil {
		return usageError{err}
	}
	return c.tell(t, answer)
}

// tell prints what was found; what is wrong with the chain comes first.
func (c *recordingVerifyCmd) tell(t *terminal, answer control.Verification) error {
	return c.judge(t, answer, len(answer.Faults) == 0, func() {
		if len(answer.Faults) == 0 {
			fmt.Fprintf(t.out, "%d recordings: good\n", answer.Checked)
		}
		for _, f := range answer.Faults {
			where := cmp.Or(f.Path, "of which nothing is left")
			if f.Link > 0 {
				where = fmt.Sprintf("link %d, %s", f.Link, where)
			}
			fmt.Fprintf(t.out, "%s: %s\n", where, f.Problem)
		}
	})
}

type recordingMissingCmd struct {
	fileFlag
	outFlag
	Since string `placeholder:"TIME" help:"Only calls that arrived since: RFC 3339, or a span such as 24h."`
}

func (recordingMissingCmd) Help() string { return "Example: hotline recording missing --since 24h" }

func (c *recordingMissingCmd) Run(t *terminal) error {
	since, err := sinceTime(c.Since, time.Now())
	if err != nil {
		return usageError{err}
	}
	return withClient(c.Config, func(client *control.Client) error {
		answer, err := client.Completeness(context.Background(), since)
		if err != nil {
			return err
		}
		return c.judge(t, answer, len(answer.Missing) == 0, func() {
			fmt.Fprintf(t.out, "%d answered calls: %d recorded", answer.Answered, answer.Recorded)
			for _, why := range slices.Sorted(maps.Keys(answer.Without)) {
				fmt.Fprintf(t.out, ", %d not for reason %q", answer.Without[why], why)
			}
			fmt.Fprintf(t.out, ", %d missing\n", len(answer.Missing))
			for _, id := range answer.Missing {
				fmt.Fprintf(t.out, "%s: no recording, and nothing says why\n", id)
			}
		})
	})
}

// away is verify --away.
func (c *recordingVerifyCmd) away(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		answer, err := client.VerifyAway(context.Background())
		if err != nil {
			return err
		}
		return c.judge(t, answer, len(answer.Faults) == 0, func() {
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
		})
	})
}
