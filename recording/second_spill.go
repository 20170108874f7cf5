package recording

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"hotline/recording/vault"
)

// A recording that the first directory refuses goes on in the second. What it has so far is copied there by a
// goroutine of its own; meanwhile the writer leaves what comes in where it is, in the ring, so that nothing is
// given up and no other call waits. Only the whole and synced copy gets the name that says to Repair that the
// recording went on here.

const (
	// spillAfter is how long writes are refused before that: memory holds twice as much.
	spillAfter = time.Second

	// spillsAtOnce is how many recordings are copied at a time.
	spillsAtOnce = 4

	// patience is how long a dying disk is asked for what it cannot read, block by block. What is behind that is
	// given up: the ring holds 10 s.
	patience = 2 * time.Second

	// aBlock is what is given up where one byte cannot be read.
	aBlock = 4096
)

// The states of a spill.
const (
	spillIdle int32 = iota
	spillBusy       // the copy is being made
	spillOver       // it is there, or was refused
)

// A spill is what the writer and the one that copies share of it.
type spill struct {
	state atomic.Int32
	made  *spilledFiles // when it is over; nil: the second directory has refused

	next time.Time // not tried before; the writer's own
	last bool      // tried at the end of the call, too
}

// spilledFiles are a recording's files in the second directory.
type spilledFiles struct {
	sound, draft, key *os.File // key: nil of a plain one
	torn              bool     // some of an encrypted one could not be read
}

func (s *spilledFiles) close() error {
	var errs []error
	for _, f := range []*os.File{s.sound, s.draft, s.key} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// spills begins a spill where one is due, and says whether it has.
func (r *Recorder) spills(g *Recording, closing bool) bool {
	w, s := &g.writer, &g.spill
	switch {
	case r.second == nil, g.spilled.Load(), closing && s.last, !closing && r.now().Before(s.next):
		return false
	case !w.headed:
		if !w.barred {
			return false
		}
	case g.suspect.Load() && g.renewal.failed.Load():
	case w.refused.IsZero():
		return false
	case r.now().Sub(w.refused) < spillAfter && (!closing || w.window.clean()):
		return false
	}
	s.last = closing
	s.state.Store(spillBusy)
	old, size := g.file.Load(), g.extent()
	r.helpers.Go(func() {
		r.spilling <- struct{}{}
		defer func() { <-r.spilling }()
		s.made = r.guardedSpill(g, old, size)
		s.state.Store(spillOver)
		r.hasten(g)
	})
	return true
}

// hasten has the writer serve a recording at once.
func (r *Recorder) hasten(g *Recording) {
	r.mu.Lock()
	r.urgent = append(r.urgent, g)
	r.mu.Unlock()
	r.hurry()
}

// extent is how much of its file a recording has written, in bytes.
func (g *Recording) extent() int64 {
	switch {
	case !g.writer.headed:
		return 0
	case g.box != nil:
		return g.box.Size()
	}
	return g.writer.window.format.offset(g.writer.window.written)
}

// guardedSpill is copyOver, with a bug met in one call's recording kept from all others; nil where it failed.
func (r *Recorder) guardedSpill(g *Recording, old *os.File, size int64) (made *spilledFiles) {
	defer func() {
		if p := recover(); p != nil {
			made = nil
			_ = r.bug(g, p) // logged and counted
		}
	}()
	made, err := r.copyOver(g, old, size)
	if err != nil {
		r.second.health.bad(err)
		r.log.Error("a recording cannot go on in the second directory either", zap.String("call", string(g.meta.Call)), zap.Error(err))
		return nil
	}
	r.countSpilled()
	return made
}

// copyOver makes a recording's files in the second directory, with size bytes of what it has so far.
func (r *Recorder) copyOver(g *Recording, old *os.File, size int64) (_ *spilledFiles, err error) {
	root := r.second.root.Load()
	if root == nil {
		return nil, errors.New("the second directory is not there")
	}
	s := new(spilledFiles)
	named := false
	defer func() {
		if err == nil || named {
			return
		}
		err = errors.Join(err, s.close())
		for _, name := range []string{g.soundName() + tempExt, g.stem + draftExt, g.stem + keyExt} {
			_ = root.Remove(name) // some were never made
		}
		emptied(root, path.Dir(g.stem))
	}()
	dir := path.Dir(g.stem)
	if s.draft, err = openIn(root, &r.second.folders, dir, g.stem+draftExt, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY); err != nil {
		return nil, err
	}
	if g.box != nil {
		if s.key, err = r.copyKey(g, root); err != nil {
			return nil, err
		}
	}
	if s.sound, err = root.OpenFile(g.soundName()+tempExt, os.O_CREATE|os.O_TRUNC|os.O_RDWR, fileMode); err != nil {
		return nil, err
	}
	if err = r.copySound(g, s, old, size); err == nil {
		if err = g.say(s.draft, faultSpilled); err != nil {
			err = fmt.Errorf("draft: %w", err)
		}
	}
	if err == nil {
		err = errors.Join(r.datasync(s.draft), r.datasync(s.sound))
	}
	if err == nil {
		err = root.Rename(g.soundName()+tempExt, g.soundName())
	}
	if err != nil {
		return nil, err
	}
	named = true
	r.second.folders.note(dir) // the syncer does it: from here on it goes on there
	return s, nil
}

// copyKey leaves the key in the second directory, sealed for the epoch of now.
func (r *Recorder) copyKey(g *Recording, root *os.Root) (f *os.File, err error) {
	sealed, _, err := r.o.Vault.Wrap(g.meta.Call, g.box.Key())
	if err != nil {
		return nil, err
	}
	if f, err = root.OpenFile(g.stem+keyExt, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	if _, err = r.onto(f).WriteAt(sealed, 0); err == nil {
		err = r.datasync(f)
	}
	if err != nil {
		return nil, fmt.Errorf("key: %w", errors.Join(err, f.Close()))
	}
	return f, nil
}

// copySound copies what a recording has so far. What cannot be read any more is silence and a gap.
func (r *Recorder) copySound(g *Recording, s *spilledFiles, old *os.File, size int64) error {
	if old == nil || size == 0 {
		return nil
	}
	form := g.writer.window.format
	var quiet [4]byte
	head := form.head(-1)
	if g.box == nil {
		form.quiet(quiet[:form.frame()])
	} else {
		head = g.box.Head()
	}
	dst := r.onto(s.sound)
	headless := false
	err := salvage(dst, r.from(old), size, quiet[0], r.now, func(from, to int64) {
		headless = headless || from < int64(len(head))
		if g.box != nil {
			s.torn = true // the frames that are left say what it was: confess
			return
		}
		begin := max(0, from-int64(len(head))) / int64(form.frame())
		end := (max(0, to-int64(len(head))) + int64(form.frame()) - 1) / int64(form.frame())
		if begin < end {
			g.gaveUp(stretch{begin, end})
		}
	})
	if err == nil && headless {
		_, err = dst.WriteAt(head, 0)
	}
	return err
}

// salvage copies size bytes. For what cannot be read it writes fill and tells of the hole.
func salvage(dst io.WriterAt, src io.ReaderAt, size int64, fill byte, now func() time.Time, hole func(from, to int64)) error {
	buf := make([]byte, 128<<10)
	var first time.Time // hole
	for at := int64(0); at < size; {
		n := 0
		if first.IsZero() || now().Sub(first) < patience {
			n, _ = src.ReadAt(buf[:min(int64(len(buf)), size-at)], at) // an error shows as nothing read
		}
		if n == 0 {
			if first.IsZero() {
				first = now()
			}
			n = int(min(aBlock-at%aBlock, size-at))
			fillByte(buf[:n], fill)
			hole(at, at+int64(n))
		}
		if _, err := dst.WriteAt(buf[:n], at); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// spilledOver has the writer go on in the second directory where the copy is made, and says whether that is not
// so far yet.
func (r *Recorder) spilledOver(g *Recording) (busy bool) {
	s := &g.spill
	switch s.state.Load() {
	case spillBusy:
		return true
	case spillOver:
		s.state.Store(spillIdle)
		s.next = r.now().Add(renewEvery)
		if s.made != nil {
			r.moveOver(g, s.made)
			s.made = nil
		}
	}
	return false
}

// moveOver puts the files in the second directory in the place of those in the first.
func (r *Recorder) moveOver(g *Recording, s *spilledFiles) {
	w := &g.writer
	if !w.headed { // what the first has is nothing
		if err := r.clear(g); err != nil {
			r.log.Warn("an empty recording stays", zap.String("call", string(g.meta.Call)), zap.Error(err))
		}
	}
	g.spilled.Store(true)
	old := spilledFiles{sound: g.file.Swap(s.sound), draft: g.draft.Swap(s.draft)}
	if g.box != nil {
		old.key = g.box.file.Swap(s.key)
		g.box.whole = true
		g.box.onDisk.Store(true)
	}
	g.torn = g.torn || s.torn
	g.outlet.to = r.onto(s.sound)
	w.refused, w.retry, w.barred = time.Time{}, time.Time{}, false
	g.mu.Lock()
	add := []string{faultSpilled}
	if g.suspect.Swap(false) {
		add = []string{faultRenewed, faultSpilled}
	}
	for _, f := range add {
		if !slices.Contains(g.about.Faults, f) {
			g.about.Faults = append(g.about.Faults, f)
		}
	}
	g.changed = true
	g.mu.Unlock()
	g.dirty.Store(w.headed)
	r.log.Warn("a recording goes on in the second directory", zap.String("call", string(g.meta.Call)))
	r.event(g, "recording.spilled", map[string]string{"path": g.Path()})
	if err := old.close(); err != nil {
		r.log.Warn("closing a refused file", zap.String("call", string(g.meta.Call)), zap.Error(err))
	}
	select {
	case r.resync <- struct{}{}: // until the name is on the disk, a power cut would leave the old file alone
	default:
	}
}

// confessTorn says in a manifest what of an encrypted recording could not be read when it was copied.
func (g *Recording) confessTorn(m *manifest, f *os.File) error {
	if !g.torn {
		return nil
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	s, err := vault.Scan(f, st.Size())
	if err != nil {
		return err
	}
	m.Cipher.Frames = s.Frames
	m.confessTorn(s)
	return nil
}

// errNotHome says that a recording lies whole in the second directory, and the first does not take it.
var errNotHome = errors.New("the recording stays in the second directory")

// spillSealed is the last way out of a recording whose sync failed, at its end. It says whether the recording lies
// in the second directory now.
func (r *Recorder) spillSealed(g *Recording, f *os.File) bool {
	if r.second == nil || g.spilled.Load() {
		return false
	}
	made := r.guardedSpill(g, f, g.extent())
	if made == nil {
		return false
	}
	r.moveOver(g, made)
	return true
}
