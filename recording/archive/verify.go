package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// A Fault is one thing that is wrong with one copy.
type Fault struct {
	Call    call.ID
	Path    string // of the file, relative to the data folder
	Place   string
	Problem string
}

func (f Fault) String() string { return f.Place + ": " + f.Path + ": " + f.Problem }

// A Report is what Verify has found.
type Report struct {
	Checked int // copies that were read back
	Waiting int // copies that are still to be made: no fault
	Owed    []Owed
	Faults  []Fault
}

// Verify reads back all copies, compares them with the manifests that lie here and with what was
// sent, and names each file that is missing, altered, or of no recording here. It changes nothing,
// and what is sent or erased meanwhile is no fault. Where a place cannot be reached, that is one
// fault and not one of each recording. progress may be nil.
func (a *Archive) Verify(ctx context.Context, progress func(done, total int)) (Report, error) {
	r := Report{Owed: a.Erasing()}
	shelves, err := walk(ctx, a.root)
	if err != nil {
		return r, fmt.Errorf("verify away: %w", err)
	}
	began := a.clock.Now()
	lists, err := a.list(ctx, &r)
	if err != nil {
		return r, fmt.Errorf("verify away: %w", err)
	}
	for i, s := range shelves {
		if err := ctx.Err(); err != nil {
			return r, fmt.Errorf("verify away: %w", err)
		}
		a.verifyOne(ctx, s, lists, began, &r)
		if progress != nil {
			progress(i+1, len(shelves))
		}
	}
	if err := a.strangers(ctx, shelves, lists, &r); err != nil {
		return r, fmt.Errorf("verify away: %w", err)
	}
	slices.SortStableFunc(r.Faults, func(a, b Fault) int { return strings.Compare(a.Place+a.Path, b.Place+b.Path) })
	return r, nil
}

// list is what lies at each place that can be reached, by name.
func (a *Archive) list(ctx context.Context, r *Report) ([]map[string]Object, error) {
	lists := make([]map[string]Object, len(a.o.Places))
	for i, p := range a.o.Places {
		all := map[string]Object{}
		var failed error
		for o, err := range p.List(ctx, "") {
			if err != nil {
				failed = err
				break
			}
			all[o.Name] = o
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case failed != nil:
			r.Faults = append(r.Faults, Fault{Place: p.Name, Path: p.Where, Problem: "the place cannot be asked: " + failed.Error()})
		default:
			lists[i] = all
		}
	}
	return lists, nil
}

// verifyOne reads back the copies of one recording. The places were listed at began.
func (a *Archive) verifyOne(ctx context.Context, s shelf, lists []map[string]Object, began time.Time, r *Report) {
	n, err := readNote(a.root, s.stem)
	fault := func(place, name, problem string) {
		r.Faults = append(r.Faults, Fault{callOf(s.stem), path.Join(folderName, path.Dir(s.stem), name), place, problem})
	}
	if err != nil {
		fault(here, path.Base(s.stem)+noteExt, err.Error())
		return
	}
	if !s.manifest && len(n.Copies) == 0 || a.isErasing(s.stem) {
		return // not sealed, or on its way out
	}
	b, err := a.root.ReadFile(s.stem + manifestExt)
	m := manifest{}
	if err == nil {
		m, err = readManifest(b)
	}
	if err != nil {
		if !a.erasedSince(s.stem, noteExt, manifestExt) {
			fault(here, path.Base(s.stem)+manifestExt, "the manifest cannot be read, and there are copies: "+err.Error())
		}
		return
	}
	for i, p := range a.o.Places {
		c := n.copyAt(p.Where)
		switch {
		case lists[i] == nil:
		case c == nil && (s.sound || n.Removed != nil):
			r.Waiting++
		case c != nil:
			r.Checked++
			for _, f := range c.Files {
				_, listed := lists[i][path.Join(path.Dir(s.stem), f.Name)]
				problem := "it is missing"
				if listed || c.Verified.After(began) { // sent since
					problem = a.verifyFile(ctx, p, s.stem, f, m, b)
				}
				if problem != "" && !a.erasedSince(s.stem, noteExt) {
					fault(p.Name, f.Name, problem)
				}
			}
		}
	}
}

// erasedSince reports whether a recording of which files with these endings lay here is erased now.
func (a *Archive) erasedSince(stem string, exts ...string) bool {
	if a.isErasing(stem) {
		return true
	}
	return !slices.ContainsFunc(exts, func(ext string) bool { return a.lies(stem + ext) })
}

// lies reports whether a file lies here, as far as can be told: what cannot be asked for does.
func (a *Archive) lies(name string) bool {
	_, err := a.root.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// verifyFile reads back one file and says what is wrong with it; empty: nothing.
func (a *Archive) verifyFile(ctx context.Context, p Located, stem string, f File, m manifest, b []byte) string {
	key := path.Join(path.Dir(stem), f.Name)
	got, err := a.readBack(ctx, p, key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it is missing"
	case err != nil:
		return "it cannot be read: " + err.Error()
	case isSound(path.Ext(f.Name)) && !strings.EqualFold(got, m.SHA256):
		return "it was altered: its SHA-256 is not the manifest's"
	case path.Ext(f.Name) == manifestExt && got != hexSum(b):
		return "it is not the manifest that lies here: one of the two was altered"
	case got != f.SHA256:
		return "it was altered: its SHA-256 is not that of what was sent"
	}
	return ""
}

// strangers finds what lies at the places and belongs to no recording here. What an upload has left
// that is not noted yet does.
func (a *Archive) strangers(ctx context.Context, shelves []shelf, lists []map[string]Object, r *Report) error {
	ours := make(map[string]bool, len(shelves))
	for _, s := range shelves {
		ours[s.stem] = true
	}
	for i, list := range lists {
		p := a.o.Places[i]
		for name := range list {
			stem, ok := Stem(name)
			if ok && (ours[stem] || a.isErasing(stem) || a.lies(stem+manifestExt)) { // sealed since
				continue
			}
			switch _, err := p.Stat(ctx, name); {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, fs.ErrNotExist): // erased since
				continue
			}
			r.Faults = append(r.Faults, Fault{callOf(stem), path.Join(folderName, name), p.Name, "there is no recording here that it belongs to"})
		}
	}
	return nil
}
