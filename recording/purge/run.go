package purge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/durable"
)

// certificateFolder holds the certificates, and of a run that is not over its plan.
const (
	certificateFolder = "certificates"
	planFile          = certificateFolder + "/run.json"
)

// A run is one round of erasing. It lies on the disk from before its first erasure until its certificate is there.
type run struct {
	ID    string    `json:"id"`
	Begun time.Time `json:"begun"`
	Now   []Erasure `json:"now,omitempty"`   // being erased
	Stuck []Erasure `json:"stuck,omitempty"` // could not be taken away yet
	Done  []Erasure `json:"done,omitempty"`
	Held  []Kept    `json:"held,omitempty"` // held back
}

// Kept is something that would have gone but for a hold or a case.
type Kept struct {
	ID    call.ID `json:"id"`
	Kind  string  `json:"kind"`
	Call  call.ID `json:"call"`
	Class string  `json:"class"`
	Why   string  `json:"why"`
}

func (r *Reaper) newRun(stuck []Erasure) *run {
	return &run{ID: uuid.Must(uuid.NewV7()).String(), Begun: r.o.Now().UTC().Truncate(time.Millisecond), Stuck: stuck}
}

// begin gives a new run, or that of a process that died over it.
func (r *Reaper) begin() (*run, error) {
	b, err := r.root.ReadFile(planFile)
	if errors.Is(err, fs.ErrNotExist) {
		return r.newRun(nil), nil
	} else if err != nil {
		return nil, fmt.Errorf("the run that was begun: %w", err)
	}
	was := new(run)
	if err := json.Unmarshal(b, was); err != nil {
		// It is written whole or not at all, so somebody has been at it. What it was at shows beside the recordings.
		r.log.Error("the plan of a run cannot be read; a new one is begun, and the certificate of that one is missing", zap.Error(err))
		return r.newRun(nil), nil
	}
	if _, err := r.root.Stat(was.file() + ".json"); err == nil { // its certificate is there: only the plan stayed
		next := r.newRun(was.Stuck)
		next.Now = was.Now
		return next, nil
	}
	was.Held = nil // it is looked for anew
	return was, nil
}

// save writes the plan down.
func (r *Reaper) save(run *run) error {
	b, err := json.Marshal(run)
	if err == nil {
		err = durable.Replace(r.root, planFile, append(b, '\n'), fileMode)
	}
	if err != nil {
		return fmt.Errorf("the plan of a run: %w", err)
	}
	return nil
}

// finish writes the certificate of a run that has erased something, and forgets the run but for what is stuck.
func (r *Reaper) finish(run *run) (c Certificate, err error) {
	next := run
	if len(run.Done) > 0 {
		if c, err = r.certify(run); err != nil {
			return c, err
		}
		r.o.step("certified")
		next = r.newRun(run.Stuck)
		next.Now = run.Now
	}
	if len(next.Now)+len(next.Stuck) > 0 {
		return c, r.save(next)
	}
	if err := r.root.Remove(planFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("the plan of a run: %w", err)
	}
	return c, durable.SyncFolder(r.root, certificateFolder)
}

// file is the path of a run's certificate without its ending.
func (u *run) file() string {
	return path.Join(certificateFolder, u.Begun.UTC().Format("2006-01-02T150405Z")+"-"+u.ID)
}
