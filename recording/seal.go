package recording

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// sealsAtOnce is how many recordings are sealed at a time.
const sealsAtOnce = 8

// A Result is what became of a recording.
type Result struct {
	Call     call.ID
	Path     string // relative to the data folder
	State    string // StateSealed, StateMissing, or StateOpen where sealing is not over or failed
	Samples  int64  // per channel
	Duration time.Duration
	SHA256   string // of the whole file, in hex
}

// Seal ends the recording: the file is brought to the end of the call with silence where nothing
// came, gets its true sizes, is synced and hashed, and its manifest is left beside it. Frames that
// come after this are left out. Where ctx ends first, Seal returns its error and a Result in
// StateOpen; sealing goes on, also against a disk that refuses, and Options.Sealed is told. Where the
// disk gave no file at all the State is StateMissing, with the disk's error. A second Seal gets what
// the first gets.
func (g *Recording) Seal(ctx context.Context, ended time.Time) (Result, error) {
	if err := g.r.beginSeal(g, ended); err != nil {
		return g.unsealed(), fmt.Errorf("seal %s: %w", g.meta.Call, err)
	}
	select {
	case <-g.done:
		return g.result, g.err
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.settled {
		return g.result, g.err
	}
	g.later = true
	return g.unsealed(), fmt.Errorf("seal %s: %w", g.meta.Call, ctx.Err())
}

func (g *Recording) unsealed() Result {
	return Result{Call: g.meta.Call, Path: g.Path(), State: StateOpen}
}

// beginSeal asks the writer for the end of a recording, once.
func (r *Recorder) beginSeal(g *Recording, ended time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closing:
		return nil
	case r.closed:
		return ErrClosed
	}
	g.closing, g.ended = true, ended
	r.sealing.Add(1)
	r.urgent = append(r.urgent, g)
	r.hurry()
	return nil
}

// seal is the end of one recording, on a goroutine of its own.
func (r *Recorder) seal(g *Recording) {
	defer r.sealing.Done()
	res, err := r.trySeal(g)
	// A disk that refuses is asked again, the last time when the server ends: the next start, which would repair it,
	// may be months away.
	for again := true; again && err != nil && res.State == StateOpen && !errors.Is(err, errBug); {
		select {
		case <-time.After(probeEvery):
		case <-r.ending:
			again = false
		}
		res, err = r.trySeal(g)
	}
	g.closeFiles()
	r.metrics.seal.Observe(max(0, r.now().Sub(g.ended).Seconds()))
	switch res.State {
	case StateMissing:
		r.metrics.missing.Inc()
		r.event(g, "recording.missing", map[string]string{"reason": "disk"})
	case StateSealed:
		r.event(g, "recording.sealed", map[string]string{"path": res.Path, "state": res.State})
	}
	g.mu.Lock()
	g.result, g.err, g.settled = res, err, true
	later := g.later
	g.mu.Unlock()
	close(g.done)
	if later && r.o.Sealed != nil {
		r.o.Sealed(g.meta.Call, res)
	}
}

// trySeal is finish, when it is this recording's turn.
func (r *Recorder) trySeal(g *Recording) (Result, error) {
	r.seals <- struct{}{}
	defer func() { <-r.seals }()
	res, err := r.guardedFinish(g)
	if err != nil {
		r.refused(g, opSeal, err)
	}
	return res, err
}

// guardedFinish is finish, with a bug met in one call's recording kept from all others.
func (r *Recorder) guardedFinish(g *Recording) (res Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			res, err = g.unsealed(), r.bug(g, p)
		}
	}()
	return r.finish(g)
}

// finish makes a sealed recording of an open one.
func (r *Recorder) finish(g *Recording) (Result, error) {
	res := g.unsealed()
	f, w := g.file.Load(), g.writer.window
	if f == nil || !g.writer.headed {
		res.State = StateMissing
		return res, errors.Join(fmt.Errorf("seal %s: %w", g.meta.Call, g.why()), r.clear(g))
	}
	if g.spilled.Load() {
		var err error
		if f, err = r.bringHome(g); err != nil {
			return res, fmt.Errorf("seal %s: %w", g.meta.Call, err)
		}
	}
	if !w.clean() {
		w.peaks.doubtful = true
		g.gaveUp(stretch{w.dirty.from, w.end})
	}
	res.Samples, res.Duration = w.written, samplesTime(w.written)
	err := g.trueEnd(f)
	if err == nil {
		if err := r.syncFile(g, f); err != nil {
			r.distrust(g, err)
		}
		f, err = r.renewSealed(g, f)
	}
	if err == nil {
		res.SHA256, err = hash(f)
	}
	if err != nil {
		return res, fmt.Errorf("seal %s: %w", g.meta.Call, err)
	}
	g.mu.Lock()
	m := g.manifest()
	g.mu.Unlock()
	m.State, m.Samples, m.SHA256, m.Sealed = StateSealed, res.Samples, res.SHA256, stamp(r.now())
	if g.box != nil {
		m.Cipher = g.box.line()
		if err := g.confessTorn(&m, f); err != nil {
			return res, fmt.Errorf("seal %s: %w", g.meta.Call, err)
		}
	}
	m.Peaks = r.peaks(g, f)
	m.end(g.ended)
	r.syncFolders() // in the first second of a day's first call
	if err := m.store(r.root, r.o.Chain, g.stem); err != nil {
		if _, none := r.root.Lstat(g.stem + manifestExt); none != nil {
			return res, fmt.Errorf("seal %s: %w", g.meta.Call, err)
		}
		r.refused(g, opSync, err) // it has its name, and is a link that counts: another one would break the chain
	}
	res.State = StateSealed
	if err := r.root.Remove(g.stem + draftExt); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.log.Warn("a draft stays", zap.String("call", string(g.meta.Call)), zap.Error(err))
	}
	r.dropSpilled(g)
	return res, nil
}

// clear takes away what was made of a recording that never came to be, and nothing that stood
// there before.
func (r *Recorder) clear(g *Recording) error {
	var errs []error
	root := g.root()
	for ext, f := range map[string]*os.File{g.ext(): g.file.Load(), draftExt: g.draft.Load()} {
		if f == nil {
			continue
		}
		if err := root.Remove(g.stem + ext); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if g.box != nil && g.box.file.Load() != nil {
		errs = append(errs, removeKey(root, g.stem))
	}
	return errors.Join(errs...)
}

// why is the reason that there is no file.
func (g *Recording) why() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fault != nil {
		return g.fault
	}
	return errNoFile
}

// trueSizes ends a file after so many samples and says so in its header.
func trueSizes(f *os.File, form format, samples int64) error {
	if err := f.Truncate(form.offset(samples)); err != nil {
		return fmt.Errorf("true sizes: %w", err)
	}
	if _, err := f.WriteAt(form.head(samples), 0); err != nil {
		return fmt.Errorf("true sizes: %w", err)
	}
	return nil
}

// hash is the SHA-256 of a whole file, read back from it.
func hash(f *os.File) (string, error) {
	h := sha256.New()
	if _, err := io.CopyBuffer(h, io.NewSectionReader(f, 0, 1<<62), make([]byte, 128<<10)); err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
