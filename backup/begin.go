package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"hotline/store"
)

// open opens both folders and ends, or throws away, what an earlier run has left.
func (r *run) open() (err error) {
	if _, err := os.Stat(filepath.Join(r.o.Data, store.RowsFile)); err != nil {
		return fmt.Errorf("%w: there is nothing to back up yet: is `data` in the configuration right?", err)
	}
	if _, err := os.Stat(filepath.Join(r.o.Data, Marker)); err == nil {
		return fmt.Errorf("a restore into %s has not ended: run `hotline restore` again", r.o.Data)
	}
	if err := apart(r.o.Data, r.o.Dir); err != nil {
		return err
	}
	if r.data, err = os.OpenRoot(r.o.Data); err != nil {
		return err
	}
	if r.dir, err = makeFolder(r.o.Dir); err != nil {
		return errors.Join(err, r.data.Close())
	}
	now := time.Now().UTC()
	r.m = Manifest{Form: formVersion, Run: now.Format("20060102T150405.000Z"), Taken: now, Version: r.o.Version, Keys: !r.o.WithoutKeys}
	r.m.UID, r.m.GID = owner(r.o.Data)
	r.stepped("begin")
	if err := r.goOn(); err != nil {
		return errors.Join(err, r.data.Close(), r.dir.Close())
	}
	return nil
}

// goOn reads the backup that is there, and takes over what a run that died had copied.
func (r *run) goOn() error {
	old, err := read(r.dir.Root, nil)
	switch {
	case err == nil:
		if err := r.dir.settle(old); err != nil {
			return err
		}
		r.old, r.had = old, old.byPath()
	case !errors.Is(err, ErrNone):
		return fmt.Errorf("the backup in %s is not to be trusted: %w; name another folder", r.o.Dir, err)
	}
	dead, err := r.dir.unsettled(r.old)
	if err != nil {
		return err
	}
	for i, n := range dead {
		if i == 0 {
			err = r.dir.Rename(n, r.m.next())
		} else {
			err = r.dir.RemoveAll(n)
		}
		if err != nil {
			return err
		}
	}
	rows := path.Join(r.m.next(), dataFolder)
	for _, n := range []string{store.RowsFile, store.RowsFile + "-journal", store.SpoolFolder} {
		if err := r.dir.RemoveAll(path.Join(rows, n)); err != nil {
			return err
		}
	}
	return makeFolders(r.dir.Root, rows)
}

// fits refuses a backup for which there is clearly no room, before anything is written.
func (r *run) fits() error {
	free, ok := room(r.o.Dir)
	if !ok {
		return nil
	}
	r.pace.begin("looking", 0)
	var need int64
	err := r.each(".", func(p string, info fs.FileInfo) error {
		r.pace.file()
		if _, ok := r.there(inData(p), info); !ok {
			need += info.Size()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if info, err := r.data.Stat(store.RowsFile); err == nil {
		need += info.Size()
	}
	r.pace.begin("copying", need)
	const spare = 16 << 20 // for folders and BACKUP.json
	if need+spare > free {
		return fmt.Errorf("%s has room for %d MiB, the backup needs %d MiB more: make room there or name a folder on a larger disk", r.o.Dir, free>>20, (need+spare)>>20)
	}
	return nil
}
