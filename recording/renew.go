package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// After a sync that failed nobody knows what of a file is on the disk: the kernel reports an error once,
// may throw the pages away, and calls the next sync a success. So that file is not asked again. Its
// bytes, which the kernel still has for a while, are copied into another file, which is synced and then
// takes the old one's name; the call goes on in it. Where that fails too, the recording stays suspect.

const (
	// renewEvery is how often that is tried.
	renewEvery = 5 * time.Second

	// recopied is how much of its end is copied once more when the new file is taken over: more than
	// late packets can have changed meanwhile.
	recopied = 512 << 10
)

// A renewal is what the syncer and the writer share of it.
type renewal struct {
	mu     sync.Mutex // held by who makes or takes the new file; the writer does not wait for it
	made   *os.File   // synced up to size, waiting for the writer; under its temporary name
	draft  *os.File   // the draft that goes with it, synced, too
	in     *os.Root   // in this directory
	size   int64
	next   time.Time   // not tried before
	failed atomic.Bool // the last try did
	ended  bool        // the recording is being sealed
}

// renew makes the new file of a suspect recording. The syncer does it.
func (r *Recorder) renew(g *Recording) {
	n := &g.renewal
	n.mu.Lock()
	defer n.mu.Unlock()
	root := g.root()
	old := g.file.Load()
	if old == nil || n.ended || n.made != nil || r.now().Before(n.next) {
		return
	}
	n.next = r.now().Add(renewEvery)
	f, size, err := r.copyAnew(g, root, old)
	var draft *os.File
	if err == nil {
		if draft, err = r.draftAnew(g, root); err != nil {
			err = errors.Join(err, g.dropMade(root, f))
		}
	}
	n.failed.Store(err != nil)
	if err != nil {
		r.log.Error("a recording whose sync failed cannot be written anew", zap.String("call", string(g.meta.Call)), zap.Error(err))
		return
	}
	n.made, n.draft, n.in, n.size = f, draft, root, size
}

// copyAnew copies a recording into a file with its temporary name, and syncs that.
func (r *Recorder) copyAnew(g *Recording, root *os.Root, old *os.File) (f *os.File, size int64, err error) {
	f, err = root.OpenFile(g.soundName()+tempExt, os.O_CREATE|os.O_TRUNC|os.O_RDWR, fileMode)
	if err != nil {
		return nil, 0, err
	}
	if size, err = copyFrom(f, old, 0); err == nil {
		err = r.datasync(f)
	}
	if err != nil {
		return nil, 0, errors.Join(err, g.dropMade(root, f))
	}
	return f, size, nil
}

// copyFrom copies what a file has from a byte on, and says where it ends. The bytes themselves are
// copied: a file system that only shared their blocks would share their fate.
func copyFrom(dst, src *os.File, from int64) (size int64, err error) {
	n, err := io.CopyBuffer(io.NewOffsetWriter(dst, from), io.NewSectionReader(src, from, 1<<62), make([]byte, 128<<10))
	return from + n, err
}

// dropMade takes away a new file that is not needed.
func (g *Recording) dropMade(root *os.Root, f *os.File) error {
	return errors.Join(f.Close(), root.Remove(g.soundName()+tempExt))
}

// adopt has the writer go on in the new file, where there is one.
func (r *Recorder) adopt(g *Recording) {
	n := &g.renewal
	if !g.suspect.Load() || !n.mu.TryLock() {
		return
	}
	defer n.mu.Unlock()
	if n.made == nil {
		return
	}
	if n.in != g.root() { // it has been spilled meanwhile
		if err := n.drop(g); err != nil {
			r.log.Warn("a copy stays", zap.String("call", string(g.meta.Call)), zap.Error(err))
		}
		return
	}
	_, err := copyFrom(n.made, g.file.Load(), max(0, n.size-recopied))
	if err == nil {
		err = r.replace(g, n.made)
	}
	if err != nil {
		r.refused(g, opWrite, errors.Join(err, n.drop(g)))
		return
	}
	f := n.draft
	n.made, n.draft = nil, nil
	if err := r.renewDraft(g, f); err != nil {
		r.refused(g, opWrite, err)
	}
	select {
	case r.resync <- struct{}{}: // until the new name is on the disk, a power cut would leave the old file
	default:
	}
}

// draftAnew begins the draft anew, under its temporary name and on the disk: the old one may be a file whose sync
// failed, and one that only has the name would say nothing after a power cut.
func (r *Recorder) draftAnew(g *Recording, root *os.Root) (*os.File, error) {
	f, err := root.OpenFile(g.stem+draftExt+tempExt, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, fileMode)
	if err != nil {
		return nil, fmt.Errorf("draft: %w", err)
	}
	if err = g.say(f); err == nil {
		err = r.datasync(f)
	}
	if err != nil {
		return nil, fmt.Errorf("draft: %w", errors.Join(err, g.dropDraft(root, f)))
	}
	return f, nil
}

// say appends to a draft what is known now, and what is about to become true of it.
func (g *Recording) say(f *os.File, faults ...string) error {
	g.mu.Lock()
	m := g.manifest()
	g.mu.Unlock()
	m.Faults = append(m.Faults, faults...)
	b, err := json.Marshal(m)
	if err == nil {
		_, err = f.Write(append(b, '\n'))
	}
	return err
}

func (g *Recording) dropDraft(root *os.Root, f *os.File) error {
	return errors.Join(f.Close(), root.Remove(g.stem+draftExt+tempExt))
}

// renewDraft puts the new draft in the old one's place, with what has come since.
func (r *Recorder) renewDraft(g *Recording, f *os.File) error {
	name, root := g.stem+draftExt, g.root()
	err := g.say(f)
	if err == nil {
		err = root.Rename(name+tempExt, name)
	}
	if err != nil {
		return fmt.Errorf("draft: %w", errors.Join(err, g.dropDraft(root, f)))
	}
	g.noted.Store(true)
	return g.draft.Swap(f).Close()
}

// leave takes away what was made for a recording that nobody seals any more.
func (n *renewal) leave(r *Recorder, g *Recording) error {
	n.ended = true
	return n.drop(g)
}

// drop takes away what was made.
func (n *renewal) drop(g *Recording) (err error) {
	if n.made != nil {
		err = errors.Join(g.dropMade(n.in, n.made), g.dropDraft(n.in, n.draft))
	}
	n.made, n.draft = nil, nil
	return err
}

// replace gives the new file its name and puts it in the old one's place.
func (r *Recorder) replace(g *Recording, f *os.File) error {
	name := g.soundName()
	if err := g.root().Rename(name+tempExt, name); err != nil {
		return err
	}
	g.folders().note(path.Dir(g.stem))
	old := g.file.Swap(f)
	g.outlet.to = r.onto(f)
	g.dirty.Store(true)
	g.suspect.Store(false)
	g.mu.Lock()
	if !slices.Contains(g.about.Faults, faultRenewed) {
		g.about.Faults = append(g.about.Faults, faultRenewed)
		g.changed = true
	}
	g.mu.Unlock()
	r.log.Warn("a recording whose sync failed goes on in another file", zap.String("call", string(g.meta.Call)))
	r.event(g, "recording.renewed", nil)
	if err := old.Close(); err != nil {
		r.log.Warn("closing a suspect file", zap.String("call", string(g.meta.Call)), zap.Error(err))
	}
	return nil
}

// renewSealed is the last try, at the end of a recording that is suspect: the file that is to be sealed.
func (r *Recorder) renewSealed(g *Recording, f *os.File) (*os.File, error) {
	n := &g.renewal
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.leave(r, g); err != nil {
		r.log.Warn("a copy stays", zap.String("call", string(g.meta.Call)), zap.Error(err))
	}
	if !g.suspect.Load() {
		return f, nil
	}
	anew, _, err := r.copyAnew(g, g.root(), f)
	if err == nil {
		if err = r.replace(g, anew); err != nil {
			err = errors.Join(err, g.dropMade(g.root(), anew))
		}
	}
	if err == nil {
		return anew, nil
	}
	if r.spillSealed(g, f) {
		return nil, fmt.Errorf("%w: %w", errNotHome, err)
	}
	r.log.Error("a recording whose sync failed is sealed as it is", zap.String("call", string(g.meta.Call)), zap.Error(err))
	return f, nil
}

// soundName is the path of the sound below the folder of the recordings.
func (g *Recording) soundName() string { return g.stem + g.ext() }

// An outlet is where the writer's bytes go, whichever file that is now. The writer's goroutine has it
// while the call lasts, the one that seals afterwards.
type outlet struct{ to io.WriterAt }

// WriteAt implements io.WriterAt.
func (o *outlet) WriteAt(b []byte, off int64) (int, error) { return o.to.WriteAt(b, off) }

// Truncate cuts off what a failed write has left, for a vault.Writer.
func (o *outlet) Truncate(size int64) error {
	if f, ok := o.to.(interface{ Truncate(int64) error }); ok {
		return f.Truncate(size)
	}
	return nil
}
