package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// readBack reads what this run has written, as the disk has it.
func (r *run) readBack(ctx context.Context) error {
	var total int64
	for p := range r.at {
		if e, ok := r.files[p]; ok {
			total += e.Size
		}
	}
	r.pace.begin("reading it back", total)
	for _, p := range slices.Sorted(maps.Keys(r.at)) {
		e, ok := r.files[p]
		if !ok || e != r.done[p] {
			continue // copied, and not taken in the end
		}
		r.stepped("read " + p)
		sum, size, err := hashFile(ctx, &r.pace, place{r.dir.Root, r.at[p]})
		if err != nil {
			return fmt.Errorf("read back %s: %w", p, err)
		}
		if sum != e.SHA256 || size != e.Size {
			return fmt.Errorf("%s: the disk gives back something else than was written: do not trust it, name a folder on another one", p)
		}
		r.pace.file()
	}
	return nil
}

// commit makes the run the backup.
func (r *run) commit(context.Context) error {
	r.pace.goOn("writing " + File)
	r.m.Ended, r.m.Faults = time.Now().UTC(), r.faults
	r.m.Files = make([]Entry, 0, len(r.files))
	for _, p := range slices.Sorted(maps.Keys(r.files)) {
		r.m.Files = append(r.m.Files, r.files[p])
	}
	r.m.Folders = make([]Folder, 0, len(r.folders))
	for _, p := range slices.Sorted(maps.Keys(r.folders)) {
		if r.o.WithoutKeys && (p == keysFolder || strings.HasPrefix(p, keysFolder+"/")) {
			continue
		}
		r.m.Folders = append(r.m.Folders, Folder{Path: p, Mode: r.folders[p]})
	}
	b, err := r.m.pack(r.o.Signer)
	if err != nil {
		return err
	}
	if err := r.sweep(); err != nil {
		return err
	}
	if err := errors.Join(syncFolders(r.dir.Root, r.m.next()), syncFolder(r.dir.Root, ".")); err != nil {
		return err
	}
	r.stepped("commit")
	if err := writeFile(r.dir.Root, File, b); err != nil {
		return err
	}
	r.m, err = unpack(b)
	r.stepped("committed")
	return err
}

// sweep removes what was copied and not taken in the end: nothing of it may come over what was.
func (r *run) sweep() error {
	return fs.WalkDir(r.dir.FS(), r.m.next(), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		to := strings.TrimPrefix(p, r.m.next()+"/")
		if e, taken := r.files[to]; taken && r.at[to] == p && r.done[to] == e {
			return nil
		}
		return r.dir.Remove(p)
	})
}

// recheck has the recordings looked at as a whole, where all of them are new or it was asked for.
func (r *run) recheck(ctx context.Context) error {
	if r.o.Check == nil || r.old.Run != "" && !r.o.Recheck {
		return nil
	}
	found, err := r.pace.checked(ctx, r.o.Check, filepath.Join(r.o.Dir, dataFolder), r.m, r.rows)
	for _, f := range found {
		if !slices.Contains(r.faults, f) {
			r.faults = append(r.faults, f)
		}
	}
	return err
}
