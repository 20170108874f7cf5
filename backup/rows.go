package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"hotline/store"
)

// copyRows copies the database and what of the spool it does not have.
func (r *run) copyRows(ctx context.Context) error {
	r.pace.goOn("copying the rows")
	r.stepped("rows")
	to := filepath.Join(r.o.Dir, r.m.next(), dataFolder)
	r.m.Taken = time.Now().UTC()
	if err := store.CopyRows(ctx, r.o.Data, to, func(n int) error { return r.pace.took(ctx, n) }); err != nil {
		return err
	}
	r.stepped("rows copied")
	for _, n := range []string{store.RowsFile, store.SpoolFolder} { // beside them is what a run that died had copied
		err := fs.WalkDir(r.dir.FS(), path.Join(r.m.next(), dataFolder, n), func(p string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil || d.IsDir():
				return err
			}
			return r.rowsFile(ctx, p, strings.TrimPrefix(p, r.m.next()+"/"))
		})
		if err != nil {
			return err
		}
	}
	var err error
	r.rows, err = store.CheckRows(ctx, filepath.Join(to, store.RowsFile))
	r.m.Schema = r.rows.Schema
	return err
}

// rowsFile takes a file that CopyRows has made.
func (r *run) rowsFile(ctx context.Context, at, to string) error {
	f, err := r.dir.OpenFile(at, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	sum, size, err := hashFile(ctx, &r.pace, place{r.dir.Root, at})
	if err != nil {
		return err
	}
	info, err := r.dir.Stat(at)
	if err != nil {
		return err
	}
	e := Entry{Path: to, Size: size, SHA256: sum, Mode: fileMode, Modified: info.ModTime().UTC()}
	r.files[to], r.done[to], r.at[to] = e, e, at
	return nil
}
