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

type recordingCmd struct {
	List    recordingListCmd    `cmd:"" help:"List recordings."`
	Show    recordingShowCmd    `cmd:"" help:"Draw a recording: both channels, and what happened."`
	Verify  recordingVerifyCmd  `cmd:"" help:"Prove that no recording was altered, cut, put in or removed."`
	Missing recordingMissingCmd `cmd:"" help:"Prove that each answered call has a recording or a stated reason."`
	Key     recordingKeyCmd     `cmd:"" help:"Print the public key that verifies the recordings."`
	Head    recordingHeadCmd    `cmd:"" help:"Print where the recordings' chain ends now, signed, to be kept elsewhere."`

	Play   recordingPlayCmd   `cmd:"" help:"Hear a recording."`
	Export recordingExportCmd `cmd:"" help:"Take a recording away as a WAV file."`
	Hold   recordingHoldCmd   `cmd:"" help:"Keep recordings from being erased."`
	Purge  recordingPurgeCmd  `cmd:"" help:"What is erased when, and erasing one by order."`
	Access recordingAccessCmd `cmd:"" help:"Who asked for recordings, and why."`
	Rotate recordingRotateCmd `cmd:"" help:"Seal the keys of encrypted recordings anew."`
	Keygen recordingKeygenCmd `cmd:"" help:"Make a key for the recovery of encrypted recordings."`
	Disk   recordingDiskCmd   `cmd:"" help:"When the disk will be full."`
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
	return cmp.Or(strings.Join(away, ","), "-")
}

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
		if c.json() {
			err = printJSON(t.out, answer)
		} else {
			fmt.Fprintf(t.out, "%d answered calls: %d recorded", answer.Answered, answer.Recorded)
			for _, why := range slices.Sorted(maps.Keys(answer.Without)) {
				fmt.Fprintf(t.out, ", %d not for reason %q", answer.Without[why], why)
			}
			fmt.Fprintf(t.out, ", %d missing\n", len(answer.Missing))
			for _, id := range answer.Missing {
				fmt.Fprintf(t.out, "%s: no recording, and nothing says why\n", id)
			}
		}
		if err == nil && len(answer.Missing) > 0 {
			return notSo{}
		}
		return err
	})
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
