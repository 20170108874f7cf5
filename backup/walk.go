package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"hotline/store"
)

// Files that die with a process, and those that are copied in a way of their own.
var transient = []string{
	"lock", "run.json", "control.sock", "try.json", "traces", "lost+found", Marker,
	store.RowsFile, store.RowsFile + "-wal", store.RowsFile + "-shm", store.RowsFile + "-journal",
}

// dead reports whether a file below the data folder is none that a backup has.
func dead(p string) bool {
	top, rest, deep := strings.Cut(p, "/")
	switch {
	case slices.Contains(transient, top):
		return true
	case top == store.SpoolFolder && deep:
		return path.Ext(rest) != ".log" || store.IsSegment(rest) // rejected.log is for whoever investigates
	}
	return path.Ext(p) == ".tmp"
}

// each walks the files below a folder of the data folder that a backup has, in the order of their
// names. Folders at the top of the data folder may be links to elsewhere; deeper links are refused,
// because what they point at would be missing.
func (r *run) each(dir string, do func(p string, info fs.FileInfo) error) error {
	top, rest, deep := strings.Cut(dir, "/")
	if info, err := r.data.Lstat(top); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return r.eachBelow(r.data, "", dir, do)
	}
	if !deep {
		rest = "."
	}
	return r.eachLinked(top, rest, do)
}

func (r *run) eachBelow(root *os.Root, prefix, dir string, do func(p string, info fs.FileInfo) error) error {
	return fs.WalkDir(root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		p := path.Join(prefix, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // gone while we looked
		case err != nil:
			return err
		case p != "." && dead(p):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			if prefix != "" || strings.Contains(p, "/") {
				return fmt.Errorf("%s is a symbolic link, and a backup follows those only at the top of the data folder: put there what it points at", p)
			}
			return r.eachLinked(p, ".", do)
		case d.IsDir():
			return r.noteFolder(p, d)
		case !d.Type().IsRegular():
			return nil // a socket
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		return do(p, info)
	})
}

// eachLinked walks a folder that a link at the top of the data folder points at.
func (r *run) eachLinked(p, dir string, do func(p string, info fs.FileInfo) error) error {
	info, err := os.Stat(filepath.Join(r.o.Data, p))
	if err != nil || !info.IsDir() {
		return fmt.Errorf("%s is a symbolic link to no folder: put there what it points at, or remove it", p)
	}
	root, err := os.OpenRoot(filepath.Join(r.o.Data, p))
	if err != nil {
		return err
	}
	defer root.Close()
	r.folders[p] = info.Mode().Perm()
	return r.eachBelow(root, p, dir, do)
}

func (r *run) noteFolder(p string, d fs.DirEntry) error {
	info, err := d.Info()
	if errors.Is(err, fs.ErrNotExist) || p == "." {
		return nil
	} else if err != nil {
		return err
	}
	r.folders[p] = info.Mode().Perm()
	return nil
}

// source is where a file of the data folder is read from: below a root of its own where the top of
// its path is a link.
func (r *run) source(p string) (place, func(), error) {
	top, rest, deep := strings.Cut(p, "/")
	if info, err := r.data.Lstat(top); deep && err == nil && info.Mode()&fs.ModeSymlink != 0 {
		root, err := os.OpenRoot(filepath.Join(r.o.Data, top))
		if err != nil {
			return place{}, nil, err
		}
		return place{root, rest}, func() { root.Close() }, nil
	}
	return place{r.data, p}, func() {}, nil
}

// isThere reports whether the data folder has a file now.
func (r *run) isThere(p string) bool {
	from, done, err := r.source(p)
	if err != nil {
		return false
	}
	defer done()
	_, err = from.root.Lstat(from.name)
	return err == nil
}
