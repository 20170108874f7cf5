package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"hotline/control"
)

// A whyFlag is why somebody does something that is written down.
type whyFlag struct {
	Why string `required:"" placeholder:"TEXT" help:"Why, in three words or more: it is written down for good."`
}

// A withFlag is the second person.
type withFlag struct {
	With string `required:"" placeholder:"NAME" help:"The second person who decides it."`
}

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
	for _, p := range players {
		if len(with) > 0 {
			break
		}
		if _, err := exec.LookPath(p[0]); err == nil {
			with = p
		}
	}
	if len(with) == 0 {
		return usageError{errors.New("nothing here plays sound: install alsa-utils or ffmpeg, name one by --player, or send the output to a file")}
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
	if err := player.Wait(); heard == nil && err != nil {
		return fmt.Errorf("play by %s: %w", with[0], err)
	}
	return heard
}

// isTerminal says whether somebody looks at w.

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

type recordingHoldCmd struct {
	Add  holdAddCmd  `cmd:"" default:"withargs" help:"Keep a recording from being erased."`
	Lift holdLiftCmd `cmd:"" help:"Let it go again: two persons decide that."`
	List holdListCmd `cmd:"" help:"List what keeps recordings from being erased."`
}

type holdAddCmd struct {
	fileFlag
	outFlag
	byFlag
	whyFlag
	untilFlag
	Number string `placeholder:"NUMBER" help:"Hold all calls there are of a caller's number instead of one call."`
	Call   string `arg:"" optional:"" help:"The call's id, or its beginning."`
}

func (holdAddCmd) Help() string {
	return "A hold beats every other rule: while it binds, the recording, those of consults about the call and the messages left in it stay. " +
		"A hold on a number is on the calls that it has made until now. The word add may be left out.\n\nExample: hotline recording hold add 0197e0e4 --by rena --why \"court order 12/2026\" --until 365d"
}

func (c *holdAddCmd) Run(t *terminal) error {
	until, err := c.until(time.Now())
	if err != nil {
		return err
	}
	return withClient(c.Config, func(client *control.Client) error {
		h, err := client.Hold(context.Background(), control.NewHold{Call: c.Call, Number: c.Number, Why: c.Why, By: c.by(), Until: until})
		return c.say(t, h, err, fmt.Sprintf("hold %d keeps %d calls", h.ID, len(h.Calls)))
	})
}

// say prints what became of a hold.
func (f outFlag) say(t *terminal, h control.Hold, err error, text string) error {
	switch {
	case err != nil:
		return err
	case f.json():
		return printJSON(t.out, h)
	}
	_, err = fmt.Fprintln(t.out, text)
	return err
}

type holdLiftCmd struct {
	fileFlag
	outFlag
	byFlag
	whyFlag
	withFlag
	Hold int64 `arg:"" help:"The hold's number, as list shows it."`
}

func (holdLiftCmd) Help() string {
	return "Example: hotline recording hold lift 3 --by rena --with sara --why \"the court has decided\""
}

func (c *holdLiftCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		h, err := client.LiftHold(context.Background(), c.Hold, control.Decision{By: c.by(), With: c.With, Why: c.Why})
		return c.say(t, h, err, fmt.Sprintf("hold %d is lifted", h.ID))
	})
}

type holdListCmd struct {
	fileFlag
	outFlag
	All    bool   `help:"Those too that do not bind any more."`
	Number string `placeholder:"NUMBER" help:"Only those of a caller's number."`
	Call   string `placeholder:"ID" help:"Only those of a call."`
}

func (holdListCmd) Help() string { return "Example: hotline recording hold list --all" }

func (c *holdListCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		answer, err := client.Holds(context.Background(), control.HoldFilter{All: c.All, Number: c.Number, Call: c.Call})
		if err != nil {
			return err
		}
		if c.json() {
			return printJSON(t.out, answer)
		}
		rows := [][]string{{"HOLD", "SINCE", "UNTIL", "BY", "CALLS", "WHY", "LIFTED", "LIFTED BY"}}
		for _, h := range answer.Holds {
			calls := fmt.Sprint(len(h.Calls))
			if len(h.Calls) == 1 {
				calls = h.Calls[0]
			}
			lifted := strings.Trim(h.LiftedBy+", "+h.LiftedWith, ", ")
			rows = append(rows, []string{fmt.Sprint(h.ID), str(h.At), str(h.Until), h.By, calls, h.Why, str(h.Lifted), lifted})
		}
		return printTable(t.out, rows)
	})
}

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
	return withClient(c.Config, func(client *control.Client) error {
		done, err := client.PurgeOne(context.Background(), c.Call, control.Decision{By: c.by(), With: c.With, Why: c.Why})
		if err != nil {
			return err
		}
		if c.json() {
			return printJSON(t.out, done)
		}
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
	return withClient(c.Config, func(client *control.Client) error {
		p, err := client.PurgePlan(context.Background())
		if err != nil {
			return err
		}
		if c.json() {
			return printJSON(t.out, p)
		}
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

type recordingAccessCmd struct {
	List   accessListCmd   `cmd:"" default:"withargs" help:"List who asked for recordings."`
	Verify accessVerifyCmd `cmd:"" help:"Prove that no entry was changed, left out or put in."`
}

type accessListCmd struct {
	fileFlag
	outFlag
	Call  string `placeholder:"ID" help:"Only for one call."`
	Who   string `placeholder:"NAME" help:"Only by one person, also as the second."`
	Limit int    `default:"1000" help:"The newest so many."`
}

func (accessListCmd) Help() string {
	return "The word list may be left out.\n\nExample: hotline recording access list --who rena"
}

func (c *accessListCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		answer, err := client.Accesses(context.Background(), control.AccessFilter{Call: c.Call, Who: c.Who, Most: c.Limit})
		if err != nil {
			return err
		}
		if c.json() {
			return printJSON(t.out, answer)
		}
		rows := [][]string{{"NO", "AT", "WHO", "ROLE", "FROM", "DO", "CALL", "WHY", "WITH", "REFUSED"}}
		for _, e := range answer.Accesses {
			rows = append(rows, []string{fmt.Sprint(e.Seq), str(e.At), e.Who, e.Role, e.From, e.Do, e.Call, e.Why, e.With, e.Refused})
		}
		return printTable(t.out, rows)
	})
}

type accessVerifyCmd struct {
	fileFlag
	outFlag
}

func (accessVerifyCmd) Help() string { return "Example: hotline recording access verify" }

func (c *accessVerifyCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		answer, err := client.VerifyAccesses(context.Background())
		if err != nil {
			return err
		}
		switch {
		case c.json():
			err = printJSON(t.out, answer)
		case answer.Fault == nil:
			fmt.Fprintf(t.out, "%d entries: good\n", answer.Checked)
		default:
			fmt.Fprintf(t.out, "%s; %d entries before it are good\n", *answer.Fault, answer.Checked)
		}
		if err == nil && answer.Fault != nil {
			return notSo{}
		}
		return err
	})
}

type recordingDiskCmd struct {
	fileFlag
	outFlag
}

func (recordingDiskCmd) Help() string {
	return "By the growth of the last seven days, and by what will be erased.\n\nExample: hotline recording disk -o json"
}

func (c *recordingDiskCmd) Run(t *terminal) error {
	return withClient(c.Config, func(client *control.Client) error {
		d, err := client.Disk(context.Background())
		if err != nil {
			return err
		}
		if c.json() {
			return printJSON(t.out, d)
		}
		full := "not within ten years"
		if d.FullInSeconds != nil {
			full = fmt.Sprintf("in %d days, on %s", *d.FullInSeconds/86400, str(d.FullAt))
		}
		for _, row := range [][2]string{
			{"full", full},
			{"free", fmt.Sprintf("%s of %s (%.0f %%)", size(d.FreeBytes), size(d.SizeBytes), 100*float64(d.FreeBytes)/float64(max(1, d.SizeBytes)))},
			{"kept", size(d.KeptBytes) + " of recordings and messages"},
			{"growth", fmt.Sprintf("%s a day, by the last %d days", size(d.GrowthBytesDay), d.GrowthDays)},
			{"goes", size(d.Purged30Bytes) + " within 30 days"},
		} {
			fmt.Fprintf(t.out, "%-7s %s\n", row[0], row[1])
		}
		return nil
	})
}
