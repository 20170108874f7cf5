package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"hotline/app"
)

type backupCmd struct {
	Make   backupMakeCmd   `cmd:"" default:"withargs" help:"Make a backup, or bring one up to date (hotline backup DIR)."`
	Verify backupVerifyCmd `cmd:"" help:"Prove that a backup is whole and that nothing in it was changed."`
}

func (backupCmd) Help() string {
	return "Example: hotline backup /backup/hotline"
}

// A rateFlag bounds how fast is read and written.
type rateFlag struct {
	Rate int64 `default:"100" placeholder:"MIB" help:"At most so many MiB a second, so that calls notice nothing; 0: as fast as it goes."`
}

func (r rateFlag) bytes() (int64, error) {
	if r.Rate < 0 {
		return 0, usageError{fmt.Errorf("--rate: %d, write MiB a second, or 0 for no bound", r.Rate)}
	}
	return r.Rate << 20, nil
}

type backupMakeCmd struct {
	fileFlag
	outFlag
	rateFlag
	Dir         string `arg:"" help:"The folder of the backup, best on another disk: new, empty, or with a backup that is to be brought up to date."`
	WithoutKeys bool   `help:"Leave out the keys, which are kept elsewhere."`
	Recheck     bool   `help:"Read also what earlier runs have copied, on both sides."`
}

func (backupMakeCmd) Help() string {
	return `Rows, recordings, messages, clips, keys and lists are copied as they are while the server runs, or does not. What was written is read back from the disk; BACKUP.json, which makes a backup of it, is written last. A later run into the same folder copies what is new, and until it has ended the backup before stays whole. Recordings of calls that are talking are copied as far as they are.

Exits 1 where a recording was damaged in the data folder already: the backup is made all the same.

Example: hotline backup make /backup/hotline --config /etc/hotline.yaml --rate 50

make may be left out: hotline backup /backup/hotline`
}

func (c *backupMakeCmd) Run(t *terminal) error {
	file, err := load(c.Config)
	if err != nil {
		return err
	}
	rate, err := c.bytes()
	if err != nil {
		return err
	}
	ctx, tell, done := working(t)
	defer done()
	r, err := app.Backup(ctx, file, app.BackupPlan{
		Dir: c.Dir, Path: c.Config, WithoutKeys: c.WithoutKeys, Recheck: c.Recheck, Rate: rate, Version: built().Version, Tell: tell,
	})
	done()
	if err != nil {
		return err
	}
	return c.judge(t, map[string]any{"backup": r, "took_ms": r.Took.Milliseconds()}, len(r.Faults) == 0, func() {
		fmt.Fprintf(t.out, "%s: %d files, %s; %d copied, %s, in %s; good\n", c.Dir, r.Files, size(r.Bytes), r.Copied, size(r.Written), r.Took.Round(time.Millisecond))
		if r.Open > 0 {
			fmt.Fprintf(t.out, "%d recordings were open, and are copied as far as they were\n", r.Open)
		}
		if r.Left > 0 {
			fmt.Fprintf(t.out, "%d recordings have begun or ended since, and are left to the next backup\n", r.Left)
		}
		for _, f := range r.Faults {
			fmt.Fprintf(t.out, "damaged in the data folder: %s\n", f)
		}
	})
}

type backupVerifyCmd struct {
	outFlag
	rateFlag
	Dir string `arg:"" help:"The folder of the backup."`
	Key string `placeholder:"FILE" help:"Public key (PEM) of the node that must have signed it."`
}

func (backupVerifyCmd) Help() string {
	return `Reads every byte: each file's SHA-256, the database's own check, recordings and messages against the rows. Needs neither a configuration nor a server, and names what is wrong, the first first.

Example: hotline backup verify /backup/hotline`
}

func (c *backupVerifyCmd) Run(t *terminal) error {
	rate, err := c.bytes()
	if err != nil {
		return err
	}
	ctx, tell, done := working(t)
	defer done()
	v, err := app.VerifyBackup(ctx, app.BackupPlan{Dir: c.Dir, Rate: rate, PublicKey: c.Key, Tell: tell})
	done()
	if err != nil {
		return err
	}
	m := v.Manifest
	said := map[string]any{
		"run": m.Run, "taken": m.Taken, "version": m.Version, "schema": m.Schema, "keys": m.Keys, "signed_by": m.Key,
		"files": len(m.Files), "bytes": v.Bytes, "open": len(m.Open), "faults": append([]string{}, v.Faults...),
	}
	return c.judge(t, said, len(v.Faults) == 0, func() {
		for _, f := range v.Faults {
			fmt.Fprintln(t.out, f)
		}
		if len(v.Faults) > 0 {
			return
		}
		signed := "not signed"
		if m.Key != "" {
			signed = "signed by " + m.Key
			if c.Key == "" {
				signed = "says it is " + signed
			}
		}
		fmt.Fprintf(t.out, "%s: of %s, %d files, %s, %s: good\n", c.Dir, m.Taken.Format(time.RFC3339), len(m.Files), size(v.Bytes), signed)
	})
}

type restoreCmd struct {
	fileFlag
	outFlag
	rateFlag
	Dir         string `arg:"" help:"The folder of the backup."`
	Key         string `placeholder:"FILE" help:"Public key (PEM) of the node that must have signed the backup."`
	Keys        string `placeholder:"FOLDER" help:"Keys that were kept elsewhere, in place of those of the backup."`
	RecoveryKey string `placeholder:"FILE" help:"The identity that opens encrypted recordings where the keys are lost."`
	NewKeys     bool   `help:"The keys are lost: telephones get new secrets, and encrypted recordings stay closed."`
}

func (restoreCmd) Help() string {
	return `The data folder that the configuration names must be missing or empty. The backup is verified, copied and read back; then what was open when it was made is closed as interrupted, and the folder is verified as a server will find it. Interrupted, run it again: until it has ended no server starts on the folder.

A rehearsal belongs on a machine of its own: a server started on a restored folder calls back whom the backup has promised it.

Exits 1 where a recording was damaged before the backup: everything is restored all the same.

Example: hotline restore /backup/hotline --config /etc/hotline.yaml`
}

func (c *restoreCmd) Run(t *terminal) error {
	file, err := load(c.Config)
	if err != nil {
		return err
	}
	rate, err := c.bytes()
	if err != nil {
		return err
	}
	ctx, tell, done := working(t)
	defer done()
	r, secrets, err := app.Restore(ctx, file, app.BackupPlan{
		Dir: c.Dir, PublicKey: c.Key, KeysFrom: c.Keys, RecoveryKey: c.RecoveryKey, NewKeys: c.NewKeys, Rate: rate, Tell: tell,
	})
	done()
	if err != nil {
		return err
	}
	return c.judge(t, map[string]any{"restored": r, "new_secrets": secrets}, len(r.Faults) == 0, func() {
		fmt.Fprintf(t.out, "%s: restored as of %s, %d files, %s; good\n", file.Data, r.Taken.Format(time.RFC3339), r.Files, size(r.Bytes))
		if r.Open > 0 {
			fmt.Fprintf(t.out, "%d recordings were open, and are sealed as interrupted\n", r.Open)
		}
		for _, name := range slices.Sorted(maps.Keys(secrets)) {
			fmt.Fprintf(t.out, "SIP user %s, new secret %s (shown this once)\n", name, secrets[name])
		}
		for _, f := range r.Faults {
			fmt.Fprintf(t.out, "was damaged before the backup: %s\n", f)
		}
	})
}

// tellEvery is how often progress is told where nobody watches a terminal.
const tellEvery = 10 * time.Second

// working is the context of a long work, which an interrupt or SIGTERM ends in good order, and who is
// told how far it is: on a terminal in one line, elsewhere in a line every ten seconds. done ends
// both, and may be called twice.
func working(t *terminal) (ctx context.Context, tell func(app.BackupProgress), done func()) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if isTerminal(t.err) {
		shown := false
		return ctx, func(p app.BackupProgress) {
				shown = true
				fmt.Fprintf(t.err, "\r\033[K%s", progressLine(p))
			}, func() {
				if shown {
					fmt.Fprint(t.err, "\r\033[K")
					shown = false
				}
				stop()
			}
	}
	last := time.Now()
	return ctx, func(p app.BackupProgress) {
		if time.Since(last) >= tellEvery {
			last = time.Now()
			fmt.Fprintln(t.err, progressLine(p))
		}
	}, stop
}

func progressLine(p app.BackupProgress) string {
	line := fmt.Sprintf("%s: %d files, %s", p.Doing, p.Files, size(p.Done))
	if p.Total > 0 {
		line += fmt.Sprintf(" of %s (%d %%)", size(p.Total), min(100, 100*p.Done/p.Total))
	}
	return line
}
