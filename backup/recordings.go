package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// copyRecordings copies the recordings. Where one is removed meanwhile it begins anew, to copy what
// says so; what has been copied is not copied again.
func (r *run) copyRecordings(ctx context.Context) error {
	taken, err := quietly(ctx, recordingsFolder, r.recordingsOnce)
	if err != nil {
		return err
	}
	maps.Copy(r.files, taken)
	r.judge()
	return nil
}

// recordingsOnce copies a set of recordings that belongs together.
//
// Links of a chain are made one after the other, but a listing takes time: it may see a link and not
// the one before it. So there are two listings. Every link that the first has seen was made before
// the second began, and so was every link before that one: the second has them all. Links with
// higher numbers are left to the next backup.
//
// A recording that is open in the first listing is copied at once, as far as it is. It stays as
// that copy if it is sealed too late for its manifest to be taken.
func (r *run) recordingsOnce(ctx context.Context) (map[string]Entry, error) {
	r.pace.goOn("copying recordings")
	first, err := r.list()
	if err != nil {
		return nil, err
	}
	heads, err := r.heads(first)
	if err != nil {
		return nil, err
	}
	r.m.Heads, r.m.Open, r.left, r.sealed = heads, nil, 0, map[string]bool{}
	t := taking{run: r, first: first, live: map[string][]Entry{}, taken: map[string]Entry{}}
	if err := t.takeLive(ctx); err != nil {
		return nil, err
	}
	r.stepped("listed")
	second, err := r.list()
	if err != nil {
		return nil, err
	}
	for _, s := range second.shelves {
		if err := t.takeShelf(ctx, s); err != nil {
			return nil, err
		}
	}
	for _, p := range second.links {
		if ok, err := r.within(p); err != nil {
			return nil, err
		} else if !ok {
			continue
		}
		if err := t.take(ctx, p); err != nil {
			return nil, err
		}
	}
	for _, p := range second.others {
		if err := t.take(ctx, p); err != nil {
			return nil, err
		}
	}
	if t.gone {
		return nil, fmt.Errorf("while it was copied: %w", fs.ErrNotExist)
	}
	return t.taken, nil
}

// A taking is one try to copy a set of recordings that belongs together.
type taking struct {
	*run
	first listing
	live  map[string][]Entry // copies of what was open in the first listing, by stem
	taken map[string]Entry
	gone  bool // something was removed meanwhile: the rest first, for what is copied now the next try need not
}

// takeLive copies what is open in the first listing.
func (t *taking) takeLive(ctx context.Context) error {
	for _, s := range t.first.shelves {
		if s.has(manifestExt) {
			continue
		}
		list, err := t.copyLive(ctx, s)
		if err != nil {
			return err
		}
		t.live[s.stem] = list
		if !slices.ContainsFunc(list, func(e Entry) bool { return path.Ext(e.Path) == draftExt }) && t.isThere(s.stem+manifestExt) {
			t.gone = true // it was sealed before its draft could be read: the next try takes the manifest
		}
	}
	return nil
}

// takeShelf takes a recording of the second listing: whole, or as the open one that was copied, or not.
func (t *taking) takeShelf(ctx context.Context, s shelf) error {
	whole := s.has(manifestExt)
	if whole {
		var err error
		if whole, err = t.within(s.stem + manifestExt); errors.Is(err, fs.ErrNotExist) {
			t.gone = true
			return nil
		} else if err != nil {
			return err
		}
	}
	switch live := t.live[s.stem]; {
	case whole:
		t.sealed[s.stem] = true
		if t.first.lost(s) {
			t.gone = true // erased; the link that says so is one of the next try's
		}
		for _, p := range s.files {
			if path.Ext(p) == draftExt {
				continue // it goes away with the seal
			}
			if err := t.take(ctx, p); err != nil {
				return err
			}
		}
	case len(live) > 0:
		t.m.Open = append(t.m.Open, s.stem)
		for _, e := range live {
			t.taken[e.Path] = e
		}
	default:
		t.left++
	}
	return nil
}

// take takes one file.
func (t *taking) take(ctx context.Context, p string) error {
	e, err := t.put(ctx, p, inData(p))
	switch {
	case err == nil:
		t.taken[e.Path] = e
	case errors.Is(err, fs.ErrNotExist):
		t.gone = true
		return nil
	}
	return err
}

// copyLive copies a recording that is open: its draft, its sound, and the draft again, which then knows
// everything that is in the sound. Where it was sealed meanwhile the first draft has to do: it is what
// says that the sound is open.
func (r *run) copyLive(ctx context.Context, s shelf) (list []Entry, err error) {
	var drafts, others []string
	for _, p := range s.files {
		if path.Ext(p) == draftExt {
			drafts = append(drafts, p)
		} else {
			others = append(others, p)
		}
	}
	got := map[string]Entry{}
	for _, p := range slices.Concat(drafts, others, drafts) {
		e, err := r.put(ctx, p, inData(p))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		got[e.Path] = e
	}
	for _, p := range slices.Sorted(maps.Keys(got)) {
		list = append(list, got[p])
	}
	return list, nil
}

// judge says what is wrong with the recordings of this backup as far as this run has seen: a record
// names one that is not there, or a sound is not what its manifest says.
func (r *run) judge() {
	open := map[string]bool{}
	for _, s := range r.m.Open {
		open[s] = true
	}
	for _, p := range slices.Sorted(maps.Keys(r.rows.Recordings)) {
		if stem := strings.TrimSuffix(p, path.Ext(p)); !r.sealed[stem] && !open[stem] {
			r.faults = append(r.faults, p+": the sound and its manifest are missing; the call's record names them")
		}
	}
	for _, stem := range slices.Sorted(maps.Keys(r.sealed)) {
		for _, ext := range soundExts {
			p := inData(stem + ext)
			sound, ok := r.files[p]
			if fresh := r.done[p]; !ok || fresh != sound {
				continue
			}
			if n, err := r.link(stem + manifestExt); err == nil && n.SHA256 != "" && !strings.EqualFold(n.SHA256, sound.SHA256) {
				r.faults = append(r.faults, stem+ext+": the sound was changed: its SHA-256 is not the manifest's")
			}
		}
	}
}
