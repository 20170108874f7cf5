package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

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
	ask := func(client *control.Client) (control.Recordings, error) {
		return client.Recordings(context.Background())
	}
	return look(t, c.fileFlag, c.outFlag, ask, func(answer control.Recordings) error {
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
