package backup

import (
	"context"
	"io/fs"
	"path"
	"time"
)

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
