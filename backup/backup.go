package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"hotline/call"
	"hotline/store"
)

// Options are what a backup is made with.
type Options struct {
	Data        string   // the data folder
	Dir         string   // where the backup is to be
	Config      []string // files to be kept under config
	Secrets     []string // files to be kept there, too, unless WithoutKeys: private keys of TLS
	WithoutKeys bool     // data/keys is kept elsewhere
	Rate        int64    // bytes a second; 0: as fast as it goes
	Recheck     bool     // read also what earlier runs have copied
	Version     string   // of the program
	Signer      Signer   // nil: the backup is not signed

	// Check says what is wrong with the recordings and messages of a data folder in which calls
	// name recordings (by path); it tells how far it is after each. Its error ends the backup.
	Check Check

	Tell func(Progress) // may be nil

	step func(name string) // for tests that die somewhere
}

// A Check reads recordings and messages and says what is wrong, as lines for people.
type Check func(ctx context.Context, data string, expected map[string]call.ID, progress func(done, total int)) ([]string, error)

// A Report is what came of a run.
type Report struct {
	Run     string        `json:"run"`
	Files   int           `json:"files"`   // in the backup
	Bytes   int64         `json:"bytes"`   // in the backup
	Copied  int           `json:"copied"`  // files of this run
	Written int64         `json:"written"` // bytes of this run
	Open    int           `json:"open"`    // recordings that were not sealed, copied as far as they were
	Left    int           `json:"left"`    // recordings that began, or were sealed, after the rows: the next run's
	Signed  bool          `json:"signed"`
	Keys    bool          `json:"keys"`
	Faults  []string      `json:"faults"` // of recordings, in the data folder already
	Took    time.Duration `json:"-"`
}

// A run makes one backup.
type run struct {
	o       Options
	pace    pace
	data    *os.Root
	dir     *folder
	old     Manifest
	had     map[string]Entry // of the backup before
	m       Manifest
	files   map[string]Entry       // of this one
	done    map[string]Entry       // copied or compared by this run
	at      map[string]string      // where that is now
	folders map[string]fs.FileMode // below data
	sealed  map[string]bool        // stems of recordings that are whole in this backup
	rows    store.Rows
	left    int
	faults  []string
}

// Make makes a backup, or brings one up to date. When it returns without error the folder holds a
// whole backup that has been read back; Report.Faults are recordings that were damaged in the data
// folder already. After an error the folder holds the backup that it held before, if any, and the
// same call again goes on where this one was.
func Make(ctx context.Context, o Options) (Report, error) {
	began := time.Now()
	r := &run{
		o: o, pace: pace{rate: o.Rate, tell: o.Tell}, had: map[string]Entry{}, files: map[string]Entry{}, done: map[string]Entry{},
		at: map[string]string{}, folders: map[string]fs.FileMode{},
	}
	report, err := r.make(ctx)
	report.Took = time.Since(began)
	if err != nil {
		return report, fmt.Errorf("backup: %w", explained(err, o.Dir))
	}
	return report, nil
}

func (r *run) make(ctx context.Context) (rep Report, err error) {
	if err := r.open(); err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, r.data.Close(), r.dir.Close()) }()
	if err := r.fits(); err != nil {
		return rep, err
	}
	for _, part := range []func(context.Context) error{
		r.copyRows, r.copyKeys, r.copyRest, r.copyConfig, r.copyMessages, r.copyRecordings, r.copyKeys, r.readBack, r.commit,
	} {
		if err := part(ctx); err != nil {
			return rep, err
		}
	}
	r.stepped("settle")
	if err := r.dir.settle(r.m); err != nil {
		return rep, err
	}
	if err := r.recheck(ctx); err != nil {
		return rep, err
	}
	rep = Report{
		Run: r.m.Run, Files: len(r.m.Files), Copied: len(r.at), Open: len(r.m.Open), Left: r.left,
		Bytes: r.m.bytes(), Signed: r.m.Signature != "", Keys: r.m.Keys, Faults: append([]string{}, r.faults...),
	}
	for p := range r.at {
		rep.Written += r.done[p].Size
	}
	return rep, nil
}

// stepped is where a test may die.
func (r *run) stepped(name string) {
	if r.o.step != nil {
		r.o.step(name)
	}
}
