package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// remove removes the sound of a recording here. Each place is asked again before; where one does not
// have it any more, it is sent once more.
func (a *Archive) remove(ctx context.Context, stem string) error {
	defer a.locks.take(stem)() // so nobody else changes its note
	n, err := readNote(a.root, stem)
	if err != nil {
		return ownFault{err}
	}
	files, m, err := a.sendable(stem, n)
	if err != nil || len(files) == 0 || a.isErasing(stem) {
		return err
	}
	at, ok := removable(a.everywhere(n, files), m.Sealed, a.o.KeepLocal)
	if !ok || a.clock.Now().Before(at) {
		return nil
	}
	for _, p := range a.o.Places {
		good, err := a.still(ctx, p, stem, n)
		if err != nil {
			return fmt.Errorf("ask %s: %w", p.Name, err)
		}
		if !good {
			n.drop(p.Where)
			if err := n.write(a.root, stem); err != nil {
				return ownFault{err}
			}
			a.Sealed(stem) // again
			a.metrics.mismatches.WithLabelValues(p.Name).Inc()
			return own("%s does not have what it was sent any more; it is sent again", p.Name)
		}
	}
	now := a.clock.Now().UTC()
	n.Removed = &now
	if err := n.write(a.root, stem); err != nil {
		return ownFault{err}
	}
	for _, ext := range soundExts {
		if err := ignore(a.root.Remove(stem+ext), fs.ErrNotExist); err != nil {
			return ownFault{err}
		}
	}
	a.event(stem, "recording.local_removed", nil)
	return nil
}

// everywhere reports whether all places have all files.
func (a *Archive) everywhere(n Note, files []File) bool {
	for _, p := range a.o.Places {
		if wanting(n.copyAt(p.Where), files) {
			return false
		}
	}
	return len(a.o.Places) > 0
}

// still reports whether a place says that it still has a copy.
func (a *Archive) still(ctx context.Context, p Located, stem string, n Note) (bool, error) {
	for _, f := range n.copyAt(p.Where).Files {
		there, err := p.Stat(ctx, path.Join(path.Dir(stem), f.Name))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		if there.Size != f.Size || there.SHA256 != "" && there.SHA256 != f.SHA256 {
			return false, nil
		}
	}
	return true, nil
}
