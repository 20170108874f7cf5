package recording

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// A spare is the second directory, on another disk: where recordings go on that the first one refuses, until
// they can be brought home. It is no archive, and nothing that is sealed stays in it.
type spare struct {
	dir     string
	root    atomic.Pointer[os.Root] // nil while the folder is not there
	health  health
	folders folders
}

// openSecond looks for the second directory; it is not made, or it would lie on the disk it is to stand in for
// whenever its own is not mounted. A start does not need it.
func (r *Recorder) openSecond() {
	if r.o.Second == "" {
		return
	}
	r.second = &spare{dir: r.o.Second}
	if err := r.probeSecond(); err != nil {
		r.log.Error("the second directory of the recordings is of no use; it is tried again", zap.Error(err))
	}
}

// probeSecond tries the second directory as probe does the first, and counts what lies in it.
func (r *Recorder) probeSecond() (err error) {
	s := r.second
	s.health.set(func() { s.health.probed = r.now() })
	defer s.health.set(func() { s.health.probed, s.health.err = time.Time{}, err })
	root := s.root.Load()
	if root == nil {
		if root, err = os.OpenRoot(s.dir); err != nil {
			return fmt.Errorf("the second directory of the recordings: %w", err)
		}
		s.root.Store(root)
	}
	if err := root.WriteFile(probeName, make([]byte, blockSize), fileMode); err != nil {
		return fmt.Errorf("the second directory of the recordings takes nothing: %w", err)
	}
	if err := root.Remove(probeName); err != nil {
		return fmt.Errorf("the second directory of the recordings: %w", err)
	}
	free, size, err := r.room(s.dir)
	if err == nil && free < min(leastFree, size/20) {
		return fmt.Errorf("the disk of the second directory has only %d MiB left", free>>20)
	}
	r.countSpilled()
	return nil
}

// countSpilled counts the recordings that lie in the second directory.
func (r *Recorder) countSpilled() {
	root := r.second.root.Load()
	if root == nil {
		return
	}
	shelves, _, err := walk(root)
	if err != nil {
		return // the probe tells
	}
	n := 0
	for _, sh := range shelves {
		if sh.sound {
			n++
		}
	}
	r.metrics.spilled.Set(float64(n))
}

// unfit is why the second directory would not take a recording now; nil: it would.
func (s *spare) unfit(r *Recorder) error {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.probed.IsZero() && r.now().Sub(h.probed) > hangs {
		return fmt.Errorf("the disk of the second directory is silent")
	}
	return h.err
}

// root is the directory in which the recording goes on.
func (g *Recording) root() *os.Root {
	if g.spilled.Load() {
		return g.r.second.root.Load()
	}
	return g.r.root
}

// health is that of this directory.
func (g *Recording) health() *health {
	if g.spilled.Load() {
		return &g.r.second.health
	}
	return &g.r.health
}

// folders are those of this directory.
func (g *Recording) folders() *folders {
	if g.spilled.Load() {
		return &g.r.second.folders
	}
	return &g.r.folders
}

// syncFolders puts the new entries of both directories on the disk.
func (r *Recorder) syncFolders() {
	r.folders.sync(r, r.root, &r.health)
	if r.second != nil && r.second.root.Load() != nil {
		r.second.folders.sync(r, r.second.root.Load(), &r.second.health)
	}
}

// emptied takes away the folder of a day, and those above it, as far as nothing is left in them.
func emptied(root *os.Root, dir string) {
	for ; dir != "."; dir = path.Dir(dir) {
		entries, err := fs.ReadDir(root.FS(), dir)
		if err != nil || len(entries) > 0 || root.Remove(dir) != nil {
			return
		}
	}
}
