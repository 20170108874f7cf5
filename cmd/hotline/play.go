package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"hotline/control"
)

type recordingPlayCmd struct {
	fileFlag
	byFlag
	whyFlag
	Player string `placeholder:"PROGRAM" help:"What plays it, given the sound on standard input, such as aplay or \"ffplay -i -\"; without it, the first there is."`
	Call   string `arg:"" help:"The call's id, or its beginning."`
}

func (recordingPlayCmd) Help() string {
	return "Where standard output is no terminal, the sound is written there as a WAV file; else aplay or ffplay plays it. " +
		"Who hears it, and why, is written down first.\n\nExample: hotline recording play 0197e0e4 --by rena --why \"a citizen has complained\" > call.wav"
}

// players are what plays a sound from standard input, in the order in which they are tried.
var players = [][]string{{"aplay", "-q", "-"}, {"ffplay", "-autoexit", "-nodisp", "-loglevel", "error", "-i", "-"}, {"pw-play", "-"}}

func (c *recordingPlayCmd) Run(t *terminal) error {
	ask := control.Listen{Do: "play", By: c.by(), Why: c.Why}
	if c.Player == "" && !isTerminal(t.out) {
		return withClient(c.Config, func(client *control.Client) error {
			return client.Sound(context.Background(), c.Call, ask, t.out)
		})
	}
	with := strings.Fields(c.Player)
	if len(with) == 0 {
		i := slices.IndexFunc(players, func(p []string) bool { _, err := exec.LookPath(p[0]); return err == nil })
		if i < 0 {
			return usageError{errors.New("nothing here plays sound: install alsa-utils or ffmpeg, name one by --player, or send the output to a file")}
		}
		with = players[i]
	}
	return withClient(c.Config, func(client *control.Client) error { return c.through(client, t, ask, with) })
}

// through plays by a program.
func (c *recordingPlayCmd) through(client *control.Client, t *terminal, ask control.Listen, with []string) error {
	player := exec.Command(with[0], with[1:]...) //nolint:gosec // whoever runs the command chooses their player
	in, err := player.StdinPipe()
	if err != nil {
		return err
	}
	player.Stdout, player.Stderr = t.err, t.err
	if err := player.Start(); err != nil {
		return fmt.Errorf("play by %s: %w", with[0], err)
	}
	heard := client.Sound(context.Background(), c.Call, ask, in)
	_ = in.Close() // the player sees the end; what it makes of it is its exit code
	if broken := new(fs.PathError); errors.As(heard, &broken) && errors.Is(broken, syscall.EPIPE) {
		heard = nil // whoever listens has heard enough, or the exit code says more
	}
	if err := player.Wait(); heard == nil && err != nil {
		return fmt.Errorf("play by %s: %w", with[0], err)
	}
	return heard
}

type recordingExportCmd struct {
	fileFlag
	byFlag
	whyFlag
	Call string `arg:"" help:"The call's id, or its beginning."`
	File string `arg:"" help:"The WAV file to write; it must not be there yet."`
}

func (recordingExportCmd) Help() string {
	return "Who takes it, and why, is written down before the file has its first byte.\n\nExample: hotline recording export 0197e0e4 /mnt/stick/call.wav --by rena --why \"court order 12/2026\""
}

func (c *recordingExportCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return usageError{err}
		}
		err = client.Sound(context.Background(), c.Call, control.Listen{Do: "export", By: c.by(), Why: c.Why}, f)
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return errors.Join(err, os.Remove(c.File))
		}
		fmt.Fprintf(t.out, "written to %s\n", c.File)
		return nil
	})
}
