package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"hotline/control"
)

// A hearing is a command that lets somebody hear something.
type hearing struct {
	fileFlag
	byFlag
	whyFlag
}

// A sounding gives the sound that is asked for, as a WAV file.
type sounding func(client *control.Client, ask control.Listen, w io.Writer) error

// ofCall is the sound of a call, ofCase that of what was left for a case.
func ofCall(id string) sounding {
	return func(client *control.Client, ask control.Listen, w io.Writer) error {
		return client.Sound(context.Background(), id, ask, w)
	}
}

func ofCase(number string) sounding {
	return func(client *control.Client, ask control.Listen, w io.Writer) error {
		return client.Message(context.Background(), number, ask, w)
	}
}

// A playing is a hearing by a program.
type playing struct {
	hearing
	Player string `placeholder:"PROGRAM" help:"What plays it, given the sound on standard input, such as aplay or \"ffplay -i -\"; without it, the first there is."`
}

const playHelp = "Where standard output is no terminal, the sound is written there as a WAV file; else aplay or ffplay plays it. " +
	"Who hears it, and why, is written down first.\n\nExample: "

type recordingPlayCmd struct {
	playing
	Call string `arg:"" help:"The call's id, or its beginning."`
}

func (recordingPlayCmd) Help() string {
	return playHelp + "hotline recording play 0197e0e4 --by rena --why \"a citizen has complained\" > call.wav"
}

func (c *recordingPlayCmd) Run(t *terminal) error { return c.play(t, ofCall(c.Call)) }

type casePlayCmd struct {
	playing
	Case string `arg:"" help:"Its number."`
}

func (casePlayCmd) Help() string {
	return playHelp + "hotline case play 2026-000123 --by sara --why \"to answer the complaint\" > message.wav"
}

func (c *casePlayCmd) Run(t *terminal) error { return c.play(t, ofCase(c.Case)) }

// players are what plays a sound from standard input, in the order in which they are tried.
var players = [][]string{{"aplay", "-q", "-"}, {"ffplay", "-autoexit", "-nodisp", "-loglevel", "error", "-i", "-"}, {"pw-play", "-"}}

// play lets somebody hear a sound.
func (c *playing) play(t *terminal, of sounding) error {
	ask := control.Listen{Do: "play", By: c.by(), Why: c.Why}
	if c.Player == "" && !isTerminal(t.out) {
		return withClient(c.Config, func(client *control.Client) error { return of(client, ask, t.out) })
	}
	with := strings.Fields(c.Player)
	if len(with) == 0 {
		i := slices.IndexFunc(players, func(p []string) bool { _, err := exec.LookPath(p[0]); return err == nil })
		if i < 0 {
			return usageError{errors.New("nothing here plays sound: install alsa-utils or ffmpeg, name one by --player, or send the output to a file")}
		}
		with = players[i]
	}
	return withClient(c.Config, func(client *control.Client) error {
		return through(t, with, func(w io.Writer) error { return of(client, ask, w) })
	})
}

// through plays a sound by a program.
func through(t *terminal, with []string, sound func(io.Writer) error) error {
	player := exec.Command(with[0], with[1:]...) //nolint:gosec // whoever runs the command chooses their player
	in, err := player.StdinPipe()
	if err != nil {
		return err
	}
	player.Stdout, player.Stderr = t.err, t.err
	if err := player.Start(); err != nil {
		return fmt.Errorf("play by %s: %w", with[0], err)
	}
	heard := sound(in)
	_ = in.Close() // the player sees the end; what it makes of it is its exit code
	if broken := new(fs.PathError); errors.As(heard, &broken) && errors.Is(broken, syscall.EPIPE) {
		heard = nil // whoever listens has heard enough, or the exit code says more
	}
	if err := player.Wait(); heard == nil && err != nil {
		return fmt.Errorf("play by %s: %w", with[0], err)
	}
	return heard
}

const exportHelp = "Who takes it, and why, is written down before the file has its first byte.\n\nExample: "

type recordingExportCmd struct {
	hearing
	Call string `arg:"" help:"The call's id, or its beginning."`
	File string `arg:"" help:"The WAV file to write; it must not be there yet."`
}

func (recordingExportCmd) Help() string {
	return exportHelp + "hotline recording export 0197e0e4 /mnt/stick/call.wav --by rena --why \"court order 12/2026\""
}

func (c *recordingExportCmd) Run(t *terminal) error { return c.export(t, ofCall(c.Call), c.File) }

type caseExportCmd struct {
	hearing
	Case string `arg:"" help:"Its number."`
	File string `arg:"" help:"The WAV file to write; it must not be there yet."`
}

func (caseExportCmd) Help() string {
	return exportHelp + "hotline case export 2026-000123 /mnt/stick/message.wav --by rena --why \"court order 12/2026\""
}

func (c *caseExportCmd) Run(t *terminal) error { return c.export(t, ofCase(c.Case), c.File) }

// export writes a sound into a new file.
func (c *hearing) export(t *terminal, of sounding, file string) error {
	return withClient(c.Config, func(client *control.Client) error {
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return usageError{err}
		}
		err = of(client, control.Listen{Do: "export", By: c.by(), Why: c.Why}, f)
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return errors.Join(err, os.Remove(file))
		}
		fmt.Fprintf(t.out, "written to %s\n", file)
		return nil
	})
}
