package recording

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"go.uber.org/zap"

	"hotline/recording/durable"
	"hotline/recording/vault"
)

// A carrier brings recordings from the second directory into the first.
type carrier struct {
	first, second *os.Root
	datasync      func(*os.File) error
	onto          func(*os.File) io.WriterAt
	step          func(string) // told what has just been done; nil: nobody
}

func (c carrier) did(what string) {
	if c.step != nil {
		c.step(what)
	}
}

// home copies the files of a recording into the first directory: the key, the draft, and last the sound, each
// under another name until it is on the disk. What the first had of it is replaced then, and not before. The key
// is that of its file, where none is given. Nothing is taken away from the second: see drop.
func (c carrier) home(stem, ext string, key []byte) error {
	dir := path.Dir(stem)
	if err := c.first.MkdirAll(dir, folderMode); err != nil {
		return err
	}
	c.did("folder")
	if ext == boxExt {
		if err := c.key(stem, key); err != nil {
			return err
		}
		c.did("key")
	}
	if err := c.carry(stem + draftExt); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.did("draft")
	if err := c.carry(stem + ext); err != nil {
		return err
	}
	c.did("sound")
	return durable.SyncFolders(c.first, dir)
}

// key brings the key.
func (c carrier) key(stem string, key []byte) error {
	name := stem + keyExt
	if key == nil {
		err := c.carry(name)
		if errors.Is(err, fs.ErrNotExist) {
			_, err = c.first.Stat(name) // it came with an earlier try
		}
		return err
	}
	f, err := c.first.OpenFile(name+tempExt, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	if _, err = c.onto(f).WriteAt(key, 0); err == nil {
		err = c.datasync(f)
	}
	return c.name(name, errors.Join(err, f.Close()))
}

// carry copies one file, reads it again and gives it its name.
func (c carrier) carry(name string) error {
	src, err := c.second.Open(name)
	if err != nil {
		return err
	}
	defer src.Close() // only read
	f, err := c.first.OpenFile(name+tempExt, os.O_CREATE|os.O_TRUNC|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.CopyBuffer(io.NewOffsetWriter(c.onto(f), 0), io.TeeReader(io.NewSectionReader(src, 0, 1<<62), h), make([]byte, 128<<10))
	if err == nil {
		err = c.datasync(f)
	}
	if err == nil {
		var sum string
		if sum, err = hash(f); err == nil && sum != fmt.Sprintf("%x", h.Sum(nil)) {
			err = fmt.Errorf("%s: what the disk gives back is not what was written", path.Base(name))
		}
	}
	if err == nil {
		c.did("copy of " + path.Ext(name))
	}
	return c.name(name, errors.Join(err, f.Close()))
}

// name gives a file that is on the disk its name.
func (c carrier) name(name string, err error) error {
	if err == nil {
		err = c.first.Rename(name+tempExt, name)
	}
	if err != nil {
		_ = c.first.Remove(name + tempExt) // the next start would, too
	}
	return err
}

// drop takes a recording away from the second directory, when it is home and synced: the sound first, without which
// the others are nothing.
func (c carrier) drop(stem, ext string) error {
	var errs []error
	for _, ext := range []string{ext, keyExt, draftExt} {
		if err := c.second.Remove(stem + ext); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(append(errs, err)...)
		}
		c.did("dropped " + ext)
	}
	emptied(c.second, path.Dir(stem))
	return nil
}

// carrier is that of a recorder.
func (r *Recorder) carrier() carrier {
	return carrier{first: r.root, second: r.second.root.Load(), datasync: r.datasync, onto: r.onto, step: r.step}
}

// bringHome brings a recording that ends in the second directory into the first. What it gives is the file there.
func (r *Recorder) bringHome(g *Recording) (*os.File, error) {
	var key []byte
	var err error
	if g.box != nil { // sealed anew: the epochs may have gone on
		if key, _, err = r.o.Vault.Wrap(g.meta.Call, g.box.Key()); err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
	}
	if err := r.roomFor(g.extent()); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotHome, err)
	}
	var home *os.File
	if err = r.carrier().home(g.stem, g.ext(), key); err == nil {
		home, err = r.root.OpenFile(g.soundName(), os.O_RDWR, fileMode)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotHome, err)
	}
	g.spilled.Store(false)
	g.home = true
	g.suspect.Store(false)
	old := spilledFiles{sound: g.file.Swap(home), draft: g.draft.Swap(nil)}
	if g.box != nil {
		old.key = g.box.file.Swap(nil)
		g.box.Share(new(vault.Buffer)) // the other one is the writer's
	}
	g.outlet.to = r.onto(home)
	if err := old.close(); err != nil {
		r.log.Warn("closing a spilled file", zap.String("call", string(g.meta.Call)), zap.Error(err))
	}
	if w := g.writer.window; !w.clean() { // the second directory has refused the last of it
		if err := w.flush(); err != nil {
			r.refused(g, opWrite, err)
		}
	}
	return home, nil
}

// roomFor says whether the first directory has room for so many bytes. Tries that fill it up would harm the others.
func (r *Recorder) roomFor(bytes int64) error {
	free, size, err := r.room(r.o.Dir)
	if err == nil && free < uint64(bytes)+min(leastFree, size/20) {
		return fmt.Errorf("the disk of the recordings has only %d MiB left", free>>20)
	}
	return nil // a disk that does not say it refuses by itself
}

// dropSpilled takes a sealed recording away from the second directory.
func (r *Recorder) dropSpilled(g *Recording) {
	if !g.home {
		return
	}
	c := r.carrier()
	c.did("sealed")
	if err := c.drop(g.stem, g.ext()); err != nil {
		r.log.Warn("a recording that is home stays in the second directory, too; the next start removes it",
			zap.String("call", string(g.meta.Call)), zap.Error(err))
	}
	r.countSpilled()
}

// bringLeft brings home what a dead process has left in the second directory. kept are the stems of those that
// the first directory does not take: what it has of them is not to be repaired.
func bringLeft(first *os.Root, dir string, step func(string)) (kept map[string]bool, errs []error) {
	kept = map[string]bool{}
	second, err := os.OpenRoot(dir)
	if err != nil {
		return kept, []error{fmt.Errorf("the second directory: %w", err)}
	}
	defer second.Close() // what is written through it is only removed
	shelves, temps, err := walk(second)
	if err != nil {
		return kept, []error{fmt.Errorf("the second directory: %w", err)}
	}
	c := carrier{first: first, second: second, datasync: datasync, onto: machine().onto, step: step}
	for _, t := range temps {
		errs = append(errs, second.Remove(t))
		emptied(second, path.Dir(t))
	}
	for _, sh := range shelves {
		home, err := c.left(sh)
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: %s: %w", errNotHome, sh.call, err))
		}
		if !home {
			kept[sh.stem] = true
		}
	}
	return kept, errs
}

// left brings one recording home that a dead process has left. It is home then, even where it stays here, too.
func (c carrier) left(sh shelf) (home bool, err error) {
	ext := strings.TrimPrefix(sh.file(), sh.stem)
	if !sh.sound { // it went on in the first
		return true, c.drop(sh.stem, ext)
	}
	b, err := c.first.ReadFile(sh.stem + manifestExt)
	if errors.Is(err, fs.ErrNotExist) {
		if err := c.home(sh.stem, ext, nil); err != nil {
			return false, err
		}
		return true, c.drop(sh.stem, ext)
	}
	if err != nil {
		return false, err
	}
	// It was sealed. Nothing but the very same sound may go.
	m, err := parse(b)
	if err != nil {
		return true, err
	}
	return true, c.sealed(sh, ext, m)
}

// sealed drops a recording that is sealed in the first directory, if its sound is there.
func (c carrier) sealed(sh shelf, ext string, m manifest) error {
	f, err := c.first.Open(sh.stem + ext)
	if err != nil {
		return fmt.Errorf("it is sealed, and its sound is only here: %w", err)
	}
	defer f.Close() // only read
	switch sum, err := hash(f); {
	case err != nil:
		return err
	case sum != m.SHA256:
		return errors.New("it is sealed, and its sound in the first directory is not what was sealed")
	case !slices.Contains(m.Faults, faultSpilled):
		return errors.New("it was sealed without what lies here; look at both before you remove one")
	}
	return c.drop(sh.stem, ext)
}
