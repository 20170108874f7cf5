package recording

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sync"
	"time"

	"go.uber.org/zap"

	"hotline/recording/durable"
)

// syncsAtOnce is how many files are synced at a time. A disk takes several as fast as one.
const syncsAtOnce = 4

// sync is the goroutine that makes the kernel put recordings on the disk, once a second. It may
// be late, or hang, without anybody noticing but the alert.
func (r *Recorder) sync() {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.resync:
		case <-r.quit:
			return
		}
		r.syncFolders()
		r.syncAll()
	}
}

// syncAll syncs every file that was written to since the last time.
func (r *Recorder) syncAll() {
	var todo []*Recording
	r.mu.Lock()
	for _, g := range r.calls {
		if g.dirty.Load() || g.noted.Load() {
			todo = append(todo, g)
		}
	}
	r.mu.Unlock()
	next := make(chan *Recording)
	var workers sync.WaitGroup
	for range min(syncsAtOnce, len(todo)) {
		workers.Go(func() {
			for g := range next {
				if err := r.syncOne(g); err != nil && !errors.Is(err, fs.ErrClosed) {
					r.distrust(g, err)
				}
				if g.suspect.Load() {
					r.renew(g)
				}
			}
		})
	}
	for _, g := range todo {
		next <- g
	}
	close(next)
	workers.Wait()
}

// syncOne puts on the disk what is new of a recording: the sound, and what the manifest would say,
// or a power cut would take the proof of the notice.
func (r *Recorder) syncOne(g *Recording) error {
	if g.dirty.Swap(false) {
		if err := r.syncFile(g, g.file.Load()); err != nil {
			return err
		}
	}
	if g.noted.Swap(false) {
		return r.syncFile(g, g.draft.Load())
	}
	return nil
}

// syncFile puts a file's bytes on the disk. The disk's answer is not asked for twice: after a
// failed sync the kernel may have thrown the pages away and call the next one a success.
func (r *Recorder) syncFile(g *Recording, f *os.File) error {
	if f == nil || g.suspect.Load() {
		return nil
	}
	if err := r.syncKey(g); err != nil {
		return err
	}
	return r.datasync(f)
}

// distrust marks a recording whose bytes may not be on the disk.
func (r *Recorder) distrust(g *Recording, err error) {
	g.suspect.Store(true)
	r.refused(g, opSync, err)
	r.log.Error("a sync failed; what was written of this recording may be lost in a power cut",
		zap.String("call", string(g.meta.Call)), zap.Error(err))
	r.event(g, "recording.suspect", map[string]string{"reason": "sync"})
}

// folders are those with entries that are not on the disk yet.
type folders struct {
	mu   sync.Mutex
	news map[string]bool

	turn sync.Mutex // one sync at a time, so that who comes second finds it done
}

func (f *folders) note(dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.news == nil {
		f.news = map[string]bool{}
	}
	f.news[dir] = true
}

// noteAbove notes the folders in which dir and those it lies in may be new.
func (f *folders) noteAbove(dir string) {
	for dir != "." {
		dir = path.Dir(dir)
		f.note(dir)
	}
}

// sync puts the entries on the disk.
func (f *folders) sync(r *Recorder, root *os.Root, h *health) {
	f.turn.Lock()
	defer f.turn.Unlock()
	f.mu.Lock()
	news := f.news
	f.news = nil
	f.mu.Unlock()
	for dir := range news {
		if err := durable.SyncFolder(root, dir); err != nil {
			h.bad(err)
			r.metrics.faults.WithLabelValues(opSync).Inc()
			r.log.Error("a folder of recordings could not be synced", zap.Error(err))
		}
	}
}
