package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"hotline/app"
)

type recordingRotateCmd struct {
	fileFlag
	outFlag
	Recovery string `placeholder:"FILE" help:"A recovery key, for recordings whose server keys are lost."`
	Retire   bool   `help:"Then wait half a minute and remove the keys of before, so that old backups open with a recovery key only."`
}

func (recordingRotateCmd) Help() string {
	return "Example: hotline recording rotate\nMakes a new key of the server's and seals the keys of all recordings for it, and for recording.encrypt as it is now. " +
		"Calls and the server go on. Run it again where it was interrupted."
}

func (c *recordingRotateCmd) Run(t *terminal) error {
	file, err := load(c.Config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	done, err := app.RotateKeys(ctx, file, app.RotateOrder{Retire: c.Retire, Recovery: c.Recovery, Progress: t.progress("keys")})
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, done)
	}
	fmt.Fprintf(t.out, "%d keys of recordings are sealed for %s, %d of them anew\n", done.Keys, done.Epoch, done.Sealed)
	if len(done.Retired) > 0 {
		fmt.Fprintf(t.out, "removed: %s\n", strings.Join(done.Retired, ", "))
	}
	return nil
}

type recordingKeygenCmd struct {
	outFlag
	File string `arg:"" help:"A new file, which is to be locked away: not on the server."`
}

func (recordingKeygenCmd) Help() string {
	return "Example: hotline recording keygen recovery.txt\nMakes the key with which recordings can be opened when the server is lost, and prints its recipient for recording.encrypt. " +
		"Best run on another machine; 'age-keygen -o FILE' makes the same."
}

func (c *recordingKeygenCmd) Run(t *terminal) error {
	recipient, err := app.NewRecovery(c.File)
	if err != nil {
		return err
	}
	if c.json() {
		return printJSON(t.out, struct {
			Recipient string `json:"recipient"`
		}{recipient})
	}
	fmt.Fprintln(t.out, recipient)
	return nil
}
