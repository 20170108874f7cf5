package backup

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"hotline/store"
)

// RestoreOptions are what a backup is put back with.
type RestoreOptions struct {
	Dir  string // of the backup
	Data string // missing, or empty, or one that this very restore has begun to fill
	Keys []ed25519.PublicKey
	Rate int64
	Tell func(Progress)

	// KeysFrom is a folder of keys that were kept elsewhere, in place of those of the backup.
	KeysFrom string

	// NoKeys says that it is known that there are none, for a backup without keys.
	NoKeys bool

	// Settle makes of the files a folder as a server leaves it when it ends: rows brought up to date,
	// open recordings sealed, open records closed as interrupted at the moment of the backup at the
	// latest. It may run again after it was interrupted, on the files as they were.
	Settle func(ctx context.Context, data string, taken time.Time) error

	Check Check // of the folder in the end

	step func(name string) // for tests that die somewhere
}

// A Restored is what came of a restore.
type Restored struct {
	Run    string    `json:"run"`
	Taken  time.Time `json:"taken"`
	Files  int       `json:"files"`
	Bytes  int64     `json:"bytes"`
	Open   int       `json:"open"` // recordings that were sealed as interrupted
	Faults []string  `json:"faults"`
}

// Restore verifies a backup, puts it into an empty data folder and verifies that. When it returns
// without error a server may start; Restored.Faults are recordings that were damaged before they were
// backed up. Whatever it dies of, the folder has its Marker until all is done, and the same call
// again goes on.
func Restore(ctx context.Context, o RestoreOptions) (Restored, error) {
	done, err := restore(ctx, o)
	if err != nil {
		return done, fmt.Errorf("restore: %w", explained(err, o.Data))
	}
	return done, nil
}

func restore(ctx context.Context, o RestoreOptions) (done Restored, err error) {
	if err := apart(o.Data, o.Dir); err != nil {
		return done, err
	}
	dir, err := openFolder(o.Dir)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	m, err := read(dir.Root, o.Keys)
	if err != nil {
		return done, err
	}
	if m.Schema > store.Schema() {
		return done, fmt.Errorf("the backup has schema %d, this release (schema %d) cannot read that: restore it with release %s or a newer one", m.Schema, store.Schema(), m.Version)
	}
	if !m.Keys && o.KeysFrom == "" && !o.NoKeys {
		return done, errors.New("the backup has no keys: give the folder in which they are kept (--keys), or the recovery key of the recordings (--recovery-key), or say that there are none (--new-keys)")
	}
	t := &target{o: o, m: m, dir: dir, pace: pace{rate: o.Rate, tell: o.Tell}}
	if err := t.mayFill(); err != nil { // before the long look
		return done, err
	}
	v, err := verifyFiles(ctx, &t.pace, dir, o.Keys)
	if err != nil {
		return done, err
	}
	if len(v.Faults) > 0 {
		return done, fmt.Errorf("the backup is damaged, and nothing was restored: %s (and %d more): take another backup", v.Faults[0], len(v.Faults)-1)
	}
	if _, err := store.CheckRows(ctx, filepath.Join(o.Dir, dataFolder, store.RowsFile)); err != nil {
		return done, fmt.Errorf("the backup is damaged, and nothing was restored: %w: take another backup", err)
	}
	done = Restored{Run: m.Run, Taken: m.Taken, Files: len(m.Files), Bytes: v.Bytes, Open: len(m.Open)}
	faults, err := t.fill(ctx)
	done.Faults = append([]string{}, faults...)
	return done, err
}

// A target is a data folder that is being filled.
type target struct {
	o    RestoreOptions
	m    Manifest
	dir  *folder
	pace pace
	root *os.Root
	uid  int // whom all is to belong to; -1: whoever restores
	gid  int
}

func (t *target) stepped(name string) {
	if t.o.step != nil {
		t.o.step(name)
	}
}

// fill puts the files there, makes a data folder of them, and has a look at it.
func (t *target) fill(ctx context.Context) (faults []string, err error) {
	if err := t.whose(); err != nil {
		return nil, err
	}
	lock, err := store.Lock(t.o.Data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if t.root, err = os.OpenRoot(t.o.Data); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.root.Close()) }()
	if err := t.mark(); err != nil {
		return nil, err
	}
	for _, part := range []func(context.Context) error{t.clear, t.copy, t.copyKeys, t.readBack, t.settle} {
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	if faults, err = t.check(ctx); err != nil {
		return faults, err
	}
	if t.uid >= 0 {
		if err := give(t.root, t.uid, t.gid); err != nil {
			return faults, err
		}
	}
	if err := syncFolders(t.root, "."); err != nil {
		return faults, err
	}
	t.stepped("unmark")
	if err := t.root.Remove(Marker); err != nil {
		return faults, err
	}
	return faults, syncFolder(t.root, ".")
}

// whose finds out whom the folder is to belong to, and makes it where it is missing: whoever it
// belongs to, or did when it was backed up. Only root can give files away.
func (t *target) whose() error {
	t.uid, t.gid = t.m.UID, t.m.GID
	if _, err := os.Stat(t.o.Data); err == nil {
		t.uid, t.gid = owner(t.o.Data)
	} else if err := os.MkdirAll(t.o.Data, folderMode); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		t.uid, t.gid = -1, -1
	}
	return nil
}

// clear removes what an earlier try has made of the files, and what it has not ended.
func (t *target) clear(context.Context) error {
	named := t.m.byPath()
	return fs.WalkDir(t.root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p == "lost+found":
			return fs.SkipDir
		case d.IsDir() || p == "lock" || p == Marker:
			return nil
		}
		if _, ok := named[inData(p)]; ok {
			return nil
		}
		t.stepped("clear " + p)
		return t.root.Remove(p)
	})
}

// copy puts the files there that are not yet, each with its SHA-256.
func (t *target) copy(ctx context.Context) error {
	for _, f := range t.m.Folders {
		if err := makeFolders(t.root, f.Path); err != nil {
			return err
		}
		if err := t.root.Chmod(f.Path, f.Mode); err != nil {
			return err
		}
	}
	t.pace.begin("restoring", t.m.bytes())
	for _, e := range t.m.Files {
		p, ok := t.place(e)
		if !ok {
			continue
		}
		t.stepped("copy " + p)
		if info, err := t.root.Lstat(p); err == nil && info.Size() == e.Size {
			if sum, _, err := hashFile(ctx, &t.pace, place{t.root, p}); err == nil && sum == e.SHA256 {
				if err := t.root.Chmod(p, e.Mode); err != nil {
					return err
				}
				continue
			}
		}
		got, err := copyFile(ctx, &t.pace, place{t.dir.Root, e.Path}, place{t.root, p}, false)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if got.SHA256 != e.SHA256 {
			return fmt.Errorf("%s: the backup's disk has given back something else than just before: take another backup", e.Path)
		}
		if err := t.root.Chmod(p, e.Mode); err != nil {
			return err
		}
	}
	return nil
}

// place is where a file of the backup goes; false for one that goes nowhere.
func (t *target) place(e Entry) (string, bool) {
	p, ok := strings.CutPrefix(e.Path, dataFolder+"/")
	if ok && t.o.KeysFrom != "" && strings.HasPrefix(p, keysFolder+"/") {
		return "", false
	}
	return p, ok
}

// copyKeys takes the keys that were kept elsewhere.
func (t *target) copyKeys(ctx context.Context) error {
	if t.o.KeysFrom == "" {
		return nil
	}
	from, err := os.OpenRoot(t.o.KeysFrom)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := makeFolders(t.root, keysFolder); err != nil {
		return err
	}
	return fs.WalkDir(from.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		to := path.Join(keysFolder, p)
		if _, err := copyFile(ctx, &t.pace, place{from, p}, place{t.root, to}, false); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		return t.root.Chmod(to, fileMode)
	})
}

// readBack reads the files as the disk has them.
func (t *target) readBack(ctx context.Context) error {
	t.pace.begin("reading it back", t.m.bytes())
	for _, e := range t.m.Files {
		p, ok := t.place(e)
		if !ok {
			continue
		}
		sum, _, err := hashFile(ctx, &t.pace, place{t.root, p})
		if err != nil {
			return fmt.Errorf("read back %s: %w", p, err)
		}
		if sum != e.SHA256 {
			return fmt.Errorf("%s: the disk gives back something else than was written: do not trust it, restore onto another one", p)
		}
		t.pace.file()
	}
	return nil
}

func (t *target) settle(ctx context.Context) error {
	t.stepped("settle")
	t.pace.begin("closing what was open", 0)
	if t.o.Settle == nil {
		return nil
	}
	err := t.o.Settle(ctx, t.o.Data, t.m.Taken)
	t.stepped("settled")
	return err
}

// check looks at the folder as a server will find it.
func (t *target) check(ctx context.Context) ([]string, error) {
	rows, err := store.CheckRows(ctx, filepath.Join(t.o.Data, store.RowsFile))
	if err != nil {
		return nil, err
	}
	if t.o.Check == nil {
		return nil, nil
	}
	m := t.m
	m.Open = nil // they are sealed now
	return t.pace.checked(ctx, t.o.Check, t.o.Data, m, rows)
}
