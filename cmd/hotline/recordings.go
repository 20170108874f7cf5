package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"hotline/app"
	"hotline/control"
)

type recordingCmd struct {
	List   recordingListCmd   `cmd:"" help:"List recordings."`
	Verify recordingVerifyCmd `cmd:"" help:"Prove that no recording was altered, cut, put in or removed."`
	Key    recordingKeyCmd    `cmd:"" help:"Print the public key that verifies the recordings."`
	Head   recordingHeadCmd   `cmd:"" help:"Print where the recordings' chain ends now, signed, to be kept elsewhere."`
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
		rows := [][]string{{"CALL", "STATE", "LENGTH", "PATH"}}
		for _, r := range answer.Recordings {
			rows = append(rows, []string{r.Call, r.State, ms(&r.DurationMS), r.Path})
		}
		return printTable(t.out, rows)
	})
}

type recordingVerifyCmd struct {
	fileFlag
	outFlag
	Folder string   `placeholder:"DIR" help:"Verify a copy of the folder of recordings instead, with nothing but the public key."`
	Key    string   `placeholder:"FILE" help:"With --folder: the public key, as 'recording key' printed it."`
	Head   []string `placeholder:"FILE" help:"With --folder: a head that was kept elsewhere; may be given several times."`
}

func (recordingVerifyCmd) Help() string {
	return "Examples: hotline recording verify\n          hotline recording verify --folder /mnt/copy/recordings --key node.pem --head 2026-12-05.json"
}

func (c *recordingVerifyCmd) Run(t *terminal) error {
	if c.Folder != "" {
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
func (c *recordingVerifyCmd) tell(t *terminal, answer control.Verification) (err error) {
	switch {
	case c.json():
		err = printJSON(t.out, answer)
	case len(answer.Faults) == 0:
		fmt.Fprintf(t.out, "%d recordings: good\n", answer.Checked)
	default:
		for _, f := range answer.Faults {
			where := cmp.Or(f.Path, "of which nothing is left")
			if f.Link > 0 {
				where = fmt.Sprintf("link %d, %s", f.Link, where)
			}
			fmt.Fprintf(t.out, "%s: %s\n", where, f.Problem)
		}
	}
	if err == nil && len(answer.Faults) > 0 {
		return notSo{}
	}
	return err
}

type recordingKeyCmd struct{ fileFlag }

func (recordingKeyCmd) Help() string { return "Example: hotline recording key > node.pem" }

func (c *recordingKeyCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		e, err := client.Evidence(context.Background())
		if err == nil {
			fmt.Fprint(t.out, e.Key)
		}
		return err
	})
}

type recordingHeadCmd struct{ fileFlag }

func (recordingHeadCmd) Help() string {
	return "Example: hotline recording head > /mnt/elsewhere/head.json\nThe server writes one each day to DATA/heads and to recording.heads."
}

func (c *recordingHeadCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		e, err := client.Evidence(context.Background())
		if err == nil {
			fmt.Fprint(t.out, e.Head)
		}
		return err
	})
}
