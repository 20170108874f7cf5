package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"go.uber.org/zap"
)

// scanEvery is how often all recordings are looked at. Seals are told at once, so this finds
// only what was changed behind our back.
const scanEvery = 6 * time.Hour

// scanAgain looks at all recordings now and then.
func (a *Archive) scanAgain(ctx context.Context) {
	for {
		began := time.Now()
		n, err := a.scan(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.Error("the recordings cannot be looked through for what is not away yet", zap.Error(err))
		default:
			a.log.Debug("looked through the recordings", zap.Int("recordings", n), zap.Int("pending", a.Pending()), zap.Duration("took", time.Since(began)))
		}
		select {
		case <-ctx.Done():
			return
		case <-a.clock.After(scanEvery):
		}
	}
}

// scan finds what is to be done, and gives how many recordings it looked at.
func (a *Archive) scan(ctx context.Context) (int, error) {
	shelves, err := walk(ctx, a.root)
	if err != nil {
		return 0, fmt.Errorf("scan: %w", err)
	}
	var day *os.Root // opened once for all its recordings: each path would be walked from the top
	var of string
	defer func() {
		if day != nil {
			day.Close() // only read
		}
	}()
	for _, s := range shelves {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if dir := path.Dir(s.stem); dir != of {
			if day != nil {
				day.Close() // only read
			}
			if day, err = a.root.OpenRoot(dir); err != nil {
				return 0, fmt.Errorf("scan: %w", err)
			}
			of = dir
		}
		if !s.manifest {
			continue // not sealed, or not ours any more
		}
		if err := a.consider(day, s); err != nil {
			a.metrics.failures.WithLabelValues(here).Inc()
			a.log.Error("a recording does not get away", zap.String("call", string(callOf(s.stem))), zap.Error(err))
		}
	}
	return len(shelves), a.settleMarks()
}

// look considers one recording.
func (a *Archive) look(stem string) error {
	s := shelf{stem: stem}
	for _, ext := range append([]string{noteExt}, beside...) {
		if _, err := a.root.Lstat(stem + ext); err == nil {
			s.lay(ext)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if !s.manifest {
		return nil
	}
	day, err := a.root.OpenRoot(path.Dir(stem))
	if err != nil {
		return err
	}
	defer day.Close() // only read
	return a.consider(day, s)
}

// consider puts a sealed recording into the lines it has to be in. day is the folder it lies in.
func (a *Archive) consider(day *os.Root, s shelf) error {
	base := path.Base(s.stem)
	n := Note{}
	if s.note {
		var err error
		if n, err = readNote(day, base); err != nil {
			return err
		}
	}
	if !s.sound && n.Removed == nil {
		return nil // purged, or lost: `recording verify` knows which
	}
	files, err := liesOf(day, base, s.exts, false)
	if err != nil {
		return err
	}
	var missing []int
	for i, p := range a.o.Places {
		if wanting(n.copyAt(p.Where), files) {
			missing = append(missing, i)
		}
	}
	var at, since time.Time
	gone := false
	if len(missing) > 0 || s.sound && a.o.KeepLocal >= 0 {
		since = sealed(day, base)
		at, gone = removable(len(missing) == 0, since, a.o.KeepLocal)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.erasing[s.stem] != nil {
		return nil
	}
	for _, i := range missing {
		a.lane(sends, i).add(s.stem, since, time.Time{}) // at once, also what a wrong clock has sealed tomorrow
	}
	if gone && s.sound {
		a.lane(removals, 0).add(s.stem, at, at)
	}
	if gone && s.sound || len(missing) > 0 {
		a.wake()
	}
	return nil
}
