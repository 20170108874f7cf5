package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hotline/call"
	"hotline/store"
)

// Options are what a backup is made with.
type Options struct {
	Data        string   // the data folder
	Dir         string   // where the backup is to be
	Config      []string // files to be kept under config
	Secrets     []string // files to be kept there, too, unless WithoutKeys: private keys of TLS
	WithoutKeys bool     // data/keys is kept elsewhere
	Rate        int64    // bytes a second; 0: as fast as it goes
	Recheck     bool     // read also what earlier runs have copied
	Version     string   // of the program
	Signer      Signer   // nil: the backup is not signed

	// Check says what is wrong with the recordings and messages of a data folder in which calls
	// name recordings (by path); it tells how far it is after each. Its error ends the backup.
	Check Check

	Tell func(Progress) // may be nil

	step func(name string) // for tests that die somewhere
}

// A Check reads recordings and messages and says what is wrong, as lines for people.
type Check func(ctx context.Context, data string, expected map[string]call.ID, progress func(done, total int)) ([]string, error)

// A Report is what came of a run.
type Report struct {
	Run     string        `json:"run"`
	Files   int           `json:"files"`   // in the backup
	Bytes   int64         `json:"bytes"`   // in the backup
	Copied  int           `json:"copied"`  // files of this run
	Written int64         `json:"written"` // bytes of this run
	Open    int           `json:"open"`    // recordings that were not sealed, copied as far as they were
	Left    int           `json:"left"`    // recordings that began, or were sealed, after the rows: the next run's
	Signed  bool          `json:"signed"`
	Keys    bool          `json:"keys"`
	Faults  []string      `json:"faults"` // of recordings, in the data folder already
	Took    time.Duration `json:"-"`
}

// A run makes one backup.
type run struct {
	o       Options
	pace    pace
	data    *os.Root
	dir     *folder
	old     Manifest
	had     map[string]Entry // of the backup before
	m       Manifest
	files   map[string]Entry       // of this one
	done    map[string]Entry       // copied or compared by this run
	at      map[string]string      // where that is now
	folders map[string]fs.FileMode // below data
	sealed  map[string]bool        // stems of recordings that are whole in this backup
	rows    store.Rows
	left    int
	faults  []string
}

// Make makes a backup, or brings one up to date. When it returns without error the folder holds a
// whole backup that has been read back; Report.Faults are recordings that were damaged in the data
// folder already. After an error the folder holds the backup that it held before, if any, and the
// same call again goes on where this one was.
func Make(ctx context.Context, o Options) (Report, error) {
	began := time.Now()
	r := &run{
		o: o, pace: pace{rate: o.Rate, tell: o.Tell}, had: map[string]Entry{}, files: map[string]Entry{}, done: map[string]Entry{},
		at: map[string]string{}, folders: map[string]fs.FileMode{},
	}
	report, err := r.make(ctx)
	report.Took = time.Since(began)
	if err != nil {
		return report, fmt.Errorf("backup: %w", explained(err, o.Dir))
	}
	return report, nil
}

func (r *run) make(ctx context.Context) (rep Report, err error) {
	if err := r.open(); err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, r.data.Close(), r.dir.Close()) }()
	if err := r.fits(); err != nil {
		return rep, err
	}
	for _, part := range []func(context.Context) error{
		r.copyRows, r.copyKeys, r.copyRest, r.copyConfig, r.copyMessages, r.copyRecordings, r.copyKeys, r.readBack, r.commit,
	} {
		if err := part(ctx); err != nil {
			return rep, err
		}
	}
	r.stepped("settle")
	if err := r.dir.settle(r.m); err != nil {
		return rep, err
	}
	if err := r.recheck(ctx); err != nil {
		return rep, err
	}
	rep = Report{
		Run: r.m.Run, Files: len(r.m.Files), Copied: len(r.at), Open: len(r.m.Open), Left: r.left,
		Bytes: r.m.bytes(), Signed: r.m.Signature != "", Keys: r.m.Keys, Faults: append([]string{}, r.faults...),
	}
	for p := range r.at {
		rep.Written += r.done[p].Size
	}
	return rep, nil
}

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
	if r.dir, err = openFolder(r.o.Dir, true); err != nil {
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

// there is where the backup has a file of this size and time already: copied by a run that died, or
// part of the backup before.
func (r *run) there(to string, info fs.FileInfo) (at string, ok bool) {
	for _, at := range []string{path.Join(r.m.next(), to), to} {
		i, err := r.dir.Lstat(at)
		if err == nil && i.Mode().IsRegular() && i.Size() == info.Size() && i.ModTime().Equal(info.ModTime()) {
			return at, true
		}
	}
	return "", false
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

// stepped is where a test may die.
func (r *run) stepped(name string) {
	if r.o.step != nil {
		r.o.step(name)
	}
}

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

// put brings one file of the data folder into the backup, as to; where it is there already, it is
// not copied again. fs.ErrNotExist says that it is gone from the data folder.
func (r *run) put(ctx context.Context, p, to string) (Entry, error) {
	from, done, err := r.source(p)
	if err != nil {
		return Entry{}, err
	}
	defer done()
	return r.putFrom(ctx, from, to)
}

func (r *run) putFrom(ctx context.Context, from place, to string) (Entry, error) {
	r.stepped("put " + to)
	info, err := from.root.Stat(from.name)
	if err != nil {
		return Entry{}, err
	}
	same := func(e Entry) bool { return e.Size == info.Size() && e.Modified.Equal(info.ModTime()) }
	if e, ok := r.done[to]; ok && same(e) {
		return e, nil
	}
	if at, ok := r.there(to, info); ok {
		// A file that was changed while the run before worked may be another of the same time.
		old, known := r.had[to]
		if at == to && known && same(old) && old.Modified.Before(r.old.Taken.Add(-time.Second)) && !r.o.Recheck {
			old.Mode = info.Mode().Perm()
			r.pace.file()
			return old, r.dir.Chmod(to, old.Mode)
		}
		e, equal, err := r.compare(ctx, from, to, at)
		if err != nil || equal {
			return e, err
		}
	}
	at := path.Join(r.m.next(), to)
	e, err := copyFile(ctx, &r.pace, from, place{r.dir.Root, at}, path.Ext(to) == ".jsonl")
	if err != nil {
		return e, err
	}
	e.Path = to
	r.done[to], r.at[to] = e, at
	r.stepped("copied " + to)
	return e, nil
}

// compare reads a file on both sides.
func (r *run) compare(ctx context.Context, from place, to, at string) (e Entry, equal bool, err error) {
	info, err := from.root.Stat(from.name)
	if err != nil {
		return e, false, err
	}
	here, size, err := hashFile(ctx, &r.pace, from)
	if err != nil {
		return e, false, err
	}
	there, _, err := hashFile(ctx, &r.pace, place{r.dir.Root, at})
	if err != nil || here != there {
		return e, false, err
	}
	e = Entry{Path: to, Size: size, SHA256: here, Mode: info.Mode().Perm(), Modified: info.ModTime().UTC()}
	r.done[to] = e
	if at != to {
		r.at[to] = at
	}
	r.pace.file()
	return e, true, r.dir.Chmod(at, e.Mode)
}

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

// keysFolder holds the keys of a data folder.
const keysFolder = "keys"

// copyKeys copies the keys that are there now, and leaves those that it has copied before.
func (r *run) copyKeys(ctx context.Context) error {
	if r.o.WithoutKeys {
		return nil
	}
	r.pace.goOn("copying the keys")
	return r.copyAll(ctx, keysFolder)
}

// copyRest copies everything that has no way of its own.
func (r *run) copyRest(ctx context.Context) error {
	r.pace.goOn("copying clips and lists")
	tops, err := fs.ReadDir(r.data.FS(), ".")
	if err != nil {
		return err
	}
	for _, t := range tops {
		if slices.Contains([]string{keysFolder, messagesFolder, recordingsFolder}, t.Name()) {
			continue
		}
		if err := r.copyAll(ctx, t.Name()); err != nil {
			return err
		}
	}
	return nil
}

// copyAll copies what is below a folder of the data folder, or the file of that name.
func (r *run) copyAll(ctx context.Context, name string) error {
	return r.each(name, func(p string, _ fs.FileInfo) error {
		e, err := r.put(ctx, p, inData(p))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		} else if err != nil {
			return err
		}
		r.files[e.Path] = e
		return nil
	})
}

// copyConfig copies the configuration and what it names.
func (r *run) copyConfig(ctx context.Context) error {
	names := slices.Clone(r.o.Config)
	if !r.o.WithoutKeys {
		names = append(names, r.o.Secrets...)
	}
	for _, name := range names {
		abs, err := filepath.Abs(name)
		if err != nil {
			return err
		}
		root, err := os.OpenRoot(filepath.Dir(abs))
		if err != nil {
			return err
		}
		// With its whole path: two may have the same name.
		e, err := r.putFrom(ctx, place{root, filepath.Base(abs)}, path.Join(configFolder, filepath.ToSlash(strings.TrimPrefix(abs, filepath.VolumeName(abs)))))
		if err := errors.Join(err, root.Close()); err != nil {
			return fmt.Errorf("%s, which the configuration names: %w", name, err)
		}
		r.files[e.Path] = e
	}
	return nil
}

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
