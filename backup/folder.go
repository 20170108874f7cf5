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
	"syscall"
)

// lockFile marks a folder as one for backups, and keeps two runs from working in it.
const lockFile = "backup.lock"

// A folder is an open folder of a backup.
type folder struct {
	*os.Root
	lock *os.File
}

// makeFolder opens the folder of a backup for this process alone, and makes one where there is none or where it is
// empty.
func makeFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &folder{Root: root}
	if err := f.mayBe(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.take(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openFolder opens the folder of a backup for this process alone. What only can be read is not locked: nobody can
// change it.
func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: name the folder of a backup", err)
	} else if err != nil {
		return nil, err
	}
	f := &folder{Root: root}
	if _, err := f.Stat(File); errors.Is(err, fs.ErrNotExist) {
		return f, nil // nothing to lock; Read says it
	}
	if err := f.take(); err != nil && !errors.Is(err, syscall.EROFS) && !errors.Is(err, fs.ErrPermission) {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *folder) Close() error {
	err := f.Root.Close()
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	return err
}

// take locks the folder.
func (f *folder) take() (err error) {
	if f.lock, err = f.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, fileMode); err != nil {
		return err
	}
	if err := syscall.Flock(int(f.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("another backup, verify or restore works in %s: wait for its end", f.Name())
		}
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

// mayBe is nil for a folder that is empty or holds backups already.
func (f *folder) mayBe() error {
	names, err := fs.ReadDir(f.FS(), ".")
	if err != nil {
		return err
	}
	for _, n := range names {
		if n.Name() == lockFile || n.Name() == File {
			return nil
		}
	}
	for _, n := range names {
		if n.Name() != "lost+found" {
			return fmt.Errorf("%s is not empty, and it is no backup: name a new folder, or one that holds a backup", f.Name())
		}
	}
	return nil
}

// settle ends what the run of m had begun when it was committed: what replaces older files comes to
// its place, and what is in the backup no more is removed.
func (f *folder) settle(m Manifest) error {
	next := m.next()
	if _, err := f.Stat(next); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := fs.WalkDir(f.FS(), next, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		to := strings.TrimPrefix(p, next+"/")
		if err := makeFolders(f.Root, path.Dir(to)); err != nil {
			return err
		}
		return f.Rename(p, to)
	})
	if err != nil {
		return fmt.Errorf("end the backup of %s: %w", m.Run, err)
	}
	if err := f.prune(m); err != nil {
		return fmt.Errorf("end the backup of %s: %w", m.Run, err)
	}
	// next goes last: where a power cut has undone some of this, it is what says so.
	if err := errors.Join(syncFolders(f.Root, dataFolder), syncFolders(f.Root, configFolder), syncFolder(f.Root, ".")); err != nil {
		return fmt.Errorf("end the backup of %s: %w", m.Run, err)
	}
	return errors.Join(f.RemoveAll(next), syncFolder(f.Root, "."))
}

// prune removes what the manifest does not name.
func (f *folder) prune(m Manifest) error {
	extra, err := f.strangers(m)
	if err != nil {
		return err
	}
	for _, p := range extra {
		if err := f.Remove(p); err != nil {
			return err
		}
	}
	stays := map[string]bool{dataFolder: true, configFolder: true}
	for _, d := range m.Folders {
		stays[inData(d.Path)] = true
	}
	var empty []string
	err = f.each(func(p string, d fs.DirEntry) {
		if d.IsDir() && !stays[p] {
			empty = append(empty, p)
		}
	})
	for _, p := range slices.Backward(empty) { // the deepest first
		_ = f.Remove(p) // not empty: it is needed
	}
	return err
}

// strangers are files that the manifest does not name.
func (f *folder) strangers(m Manifest) (list []string, err error) {
	named := m.byPath()
	err = f.each(func(p string, d fs.DirEntry) {
		if _, ok := named[p]; !ok && !d.IsDir() {
			list = append(list, p)
		}
	})
	return list, err
}

// each walks what a backup is made of.
func (f *folder) each(do func(p string, d fs.DirEntry)) error {
	for _, top := range []string{dataFolder, configFolder} {
		err := fs.WalkDir(f.FS(), top, func(p string, d fs.DirEntry, err error) error {
			if p == top && errors.Is(err, fs.ErrNotExist) {
				return fs.SkipDir
			} else if err != nil {
				return err
			}
			do(p, d)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unsettled are folders of runs that have not been committed.
func (f *folder) unsettled(m Manifest) (names []string, err error) {
	all, err := fs.Glob(f.FS(), nextFolder+"*")
	for _, n := range all {
		if n != m.next() {
			names = append(names, n)
		}
	}
	return names, err
}

// apart is nil if neither folder lies in the other.
func apart(data, dir string) error {
	real := func(p string) (string, error) {
		abs, err := filepath.Abs(p)
		if err != nil {
			return "", err
		}
		for rest := ""; ; { // of the part that exists
			if r, err := filepath.EvalSymlinks(abs); err == nil {
				return filepath.Join(r, rest), nil
			}
			if abs == filepath.Dir(abs) {
				return filepath.Join(abs, rest), nil
			}
			abs, rest = filepath.Dir(abs), filepath.Join(filepath.Base(abs), rest)
		}
	}
	a, err := real(data)
	if err != nil {
		return err
	}
	b, err := real(dir)
	if err != nil {
		return err
	}
	in := func(a, b string) bool {
		rel, err := filepath.Rel(a, b)
		return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
	}
	if in(a, b) || in(b, a) {
		return fmt.Errorf("%s and the data folder %s lie in one another: name a folder elsewhere, best on another disk", dir, data)
	}
	return nil
}
