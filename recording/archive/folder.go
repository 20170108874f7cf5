package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"sync"

	"hotline/recording/durable"
)

// Folders and files are for the server's user and group, as those of the recordings.
const (
	folderMode = 0o750
	fileMode   = 0o640
)

const (
	partExt  = ".part"
	markName = "hotline-archive" // in a folder that is one
	chunk    = 128 << 10
)

// A Folder is a place that is a folder, usually on another mount. The folder must be there: a
// mount that is not would otherwise fill the disk it hangs on. So each call also looks for the
// mark that the first use has left in it.
type Folder struct {
	path string
	made func(mark string) error

	mu   sync.Mutex
	mark string // what must stand in the mark; empty: it was never used
}

// NewFolder makes a place of the folder at a path. mark is what an earlier use has told made; empty
// where there was none: then the folder gets a new mark, and made is told before anything is put. A
// mark of which made was not told any more, since the process died, is taken for ours.
func NewFolder(path, mark string, made func(mark string) error) *Folder {
	return &Folder{path: path, made: made, mark: mark}
}

// open gives the folder, if it is the one it was.
func (p *Folder) open() (*os.Root, error) {
	root, err := os.OpenRoot(p.path)
	if err != nil {
		return nil, err
	}
	if err := p.look(root); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// look compares the folder's mark with the one it had.
func (p *Folder) look(root *os.Root) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, err := root.ReadFile(markName)
	got := string(bytes.TrimSpace(b))
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil && p.mark != "":
		return fmt.Errorf("%s is not the archive it was, its file %s is missing: is it mounted?", p.path, markName)
	case err != nil:
		got = rand.Text()
		if err := durable.Replace(root, markName, []byte(got+"\n"), fileMode); err != nil {
			return err
		}
	case got == p.mark:
		return nil
	case p.mark != "":
		return fmt.Errorf("%s is not the archive it was, its file %s says so: is another one mounted?", p.path, markName)
	}
	if err := p.made(got); err != nil {
		return err
	}
	p.mark = got
	return nil
}

// Put implements Place.
func (p *Folder) Put(ctx context.Context, name string, s Source) (err error) {
	root, err := p.open()
	if err != nil {
		return err
	}
	defer root.Close() // all is synced before
	dir := path.Dir(name)
	if err := root.MkdirAll(dir, folderMode); err != nil {
		return err
	}
	f, err := root.OpenFile(name+partExt, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	from, err := agree(f, s)
	if err != nil {
		return err
	}
	if err := f.Truncate(from); err != nil {
		return err
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return err
	}
	rest := s.metered(io.NewSectionReader(s, from, s.Size-from))
	if _, err := io.CopyBuffer(f, &untilDone{ctx, rest}, make([]byte, chunk)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, root.Remove(name+partExt)) // what is in it is not known any more
	}
	if err := root.Rename(name+partExt, name); err != nil {
		return err
	}
	dropCache(f)
	return durable.SyncFolders(root, dir)
}

// agree gives how much of a file is the beginning of the source.
func agree(f *os.File, s Source) (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	a, b := make([]byte, chunk), make([]byte, chunk)
	for at := int64(0); at < min(st.Size(), s.Size); {
		n := int(min(int64(chunk), st.Size()-at, s.Size-at))
		if _, err := f.ReadAt(a[:n], at); err != nil {
			return 0, err
		}
		if _, err := s.ReadAt(b[:n], at); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if !bytes.Equal(a[:n], b[:n]) {
			return at, nil
		}
		at += int64(n)
	}
	return min(st.Size(), s.Size), nil
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r *untilDone) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// Stat implements Place.
func (p *Folder) Stat(_ context.Context, name string) (Object, error) {
	root, err := p.open()
	if err != nil {
		return Object{}, unreachable(err)
	}
	defer root.Close() // only read
	st, err := root.Stat(name)
	if err != nil {
		return Object{}, err
	}
	return Object{Name: name, Size: st.Size()}, nil
}

// unreachable is the error of a folder that is not there: not one of a file that is not.
func unreachable(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the folder is not there, is it mounted? %v", err)
	}
	return err
}

// Get implements Place.
func (p *Folder) Get(_ context.Context, name string) (Reader, error) {
	root, err := p.open()
	if err != nil {
		return nil, unreachable(err)
	}
	defer root.Close() // a file that is open stays so
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// List implements Place.
func (p *Folder) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		root, err := p.open()
		if err != nil {
			yield(Object{}, unreachable(err))
			return
		}
		defer root.Close() // only read
		err = find(ctx, root, prefix, func(o Object) error {
			if strings.HasSuffix(o.Name, partExt) || o.Name == markName {
				return nil
			}
			if !yield(o, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Object{}, err)
		}
	}
}

// find tells of all files whose name begins with a prefix. What goes while it looks is passed over.
func find(ctx context.Context, root *os.Root, prefix string, tell func(Object) error) error {
	dir := "."
	if i := strings.LastIndexByte(prefix, '/'); i > 0 {
		dir = prefix[:i]
	}
	return fs.WalkDir(root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return ignore(err, fs.ErrNotExist) // no folder, no file
		case d.IsDir() || !strings.HasPrefix(name, prefix):
			return ctx.Err()
		}
		st, err := d.Info()
		if err != nil {
			return ignore(err, fs.ErrNotExist)
		}
		return tell(Object{Name: name, Size: st.Size()})
	})
}

// Delete implements Place.
func (p *Folder) Delete(ctx context.Context, prefix string) error {
	root, err := p.open()
	if err != nil {
		return unreachable(err)
	}
	defer root.Close() // all is synced before
	dir := path.Dir(prefix)
	found := false
	err = find(ctx, root, prefix, func(o Object) error {
		found = true
		if err := root.Remove(o.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	if err != nil || !found {
		return err
	}
	return durable.SyncFolder(root, dir)
}
