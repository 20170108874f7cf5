package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// The folders that are copied in ways of their own.
const (
	recordingsFolder = "recordings"
	messagesFolder   = "messages"
	newFolder        = messagesFolder + "/new"
)

// The endings that say how far a recording is, or a slip.
const (
	manifestExt = ".json"
	draftExt    = ".draft"
)

// chainIndex is the file beside a chain's links that only helps to find them.
const chainIndex = "links"

// pauses are how long is waited before a folder is listed anew because something in it was removed or
// renamed while it was copied. Only a purge or a message being told does that, and both have an end.
var pauses = []time.Duration{0, 0, 0, 0, time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute}

// quietly does something until nothing that it needs is removed meanwhile.
func quietly(ctx context.Context, folder string, do func(context.Context) (map[string]Entry, error)) (map[string]Entry, error) {
	for _, pause := range pauses {
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
		taken, err := do(ctx)
		if !errors.Is(err, fs.ErrNotExist) {
			return taken, err
		}
	}
	return nil, fmt.Errorf("%s: %w", folder, errBusy)
}

// errBusy says that a folder never held still.
var errBusy = errors.New("files are removed faster than they are copied: run it again when less is going on")

// A shelf is the files of one recording, by their endings.
type shelf struct {
	stem  string // relative to the data folder
	files []string
}

func (s shelf) has(ext string) bool { return slices.Contains(s.files, s.stem+ext) }

// A listing is what is below recordings.
type listing struct {
	shelves []shelf
	links   []string // of the chain that are no recordings
	others  []string
}

// lost reports whether a recording had files in this listing that it has no more, but for its draft.
func (l listing) lost(now shelf) bool {
	i, ok := slices.BinarySearchFunc(l.shelves, now.stem, func(s shelf, stem string) int { return strings.Compare(s.stem, stem) })
	return ok && slices.ContainsFunc(l.shelves[i].files, func(p string) bool {
		return path.Ext(p) != draftExt && !slices.Contains(now.files, p)
	})
}

// stemOf is the path of a recording's files without an ending; false for other files.
func stemOf(p string) (string, bool) {
	parts := strings.Split(p, "/")
	if len(parts) != 5 || parts[0] != recordingsFolder || len(parts[1]) != 4 || len(parts[2]) != 2 || len(parts[3]) != 2 {
		return "", false
	}
	base, _, ok := strings.Cut(parts[4], ".")
	return path.Join(path.Dir(p), base), ok
}

func (r *run) list() (l listing, err error) {
	err = r.each(recordingsFolder, func(p string, _ fs.FileInfo) error {
		r.stepped("see " + p)
		stem, ok := stemOf(p)
		switch last := len(l.shelves) - 1; {
		case path.Base(p) == chainIndex && strings.HasPrefix(p, recordingsFolder+"/chain/"):
			// It may be a link ahead of what is copied, or one behind; without it, it is made anew.
		case ok && last >= 0 && l.shelves[last].stem == stem: // names come in order
			l.shelves[last].files = append(l.shelves[last].files, p)
		case ok:
			l.shelves = append(l.shelves, shelf{stem, []string{p}})
		case strings.HasPrefix(p, recordingsFolder+"/chain/") && path.Ext(p) == manifestExt:
			l.links = append(l.links, p)
		default:
			l.others = append(l.others, p)
		}
		return nil
	})
	slices.SortFunc(l.shelves, func(a, b shelf) int { return strings.Compare(a.stem, b.stem) })
	return l, err
}

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

// A link is what a chain's link says of its place, whatever else it says.
type link struct {
	Seq    int64  `json:"seq"`
	Key    string `json:"key"`
	SHA256 string `json:"sha256"`
}

// heads are the highest numbers of the links that a listing has seen, by key.
func (r *run) heads(l listing) (map[string]int64, error) {
	heads := maps.Clone(r.old.Heads)
	if heads == nil {
		heads = map[string]int64{}
	}
	see := func(p string) error {
		if r.unchanged(p) {
			return nil // the backup before knows its number
		}
		n, err := r.link(p)
		if err == nil && n.Seq > 0 {
			heads[n.Key] = max(heads[n.Key], n.Seq)
		}
		return err
	}
	for _, s := range l.shelves {
		if s.has(manifestExt) {
			if err := see(s.stem + manifestExt); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range l.links {
		if err := see(p); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// within reports whether a link is one of those up to the heads of this backup. What is no link of a chain is.
func (r *run) within(p string) (bool, error) {
	if r.unchanged(p) {
		return true, nil
	}
	n, err := r.link(p)
	return n.Seq <= 0 || n.Seq <= r.m.Heads[n.Key], err
}

// unchanged reports whether the backup before has this very file.
func (r *run) unchanged(p string) bool {
	e, ok := r.had[inData(p)]
	if !ok {
		return false
	}
	from, done, err := r.source(p)
	if err != nil {
		return false
	}
	defer done()
	info, err := from.root.Lstat(from.name)
	return err == nil && info.Size() == e.Size && info.ModTime().Equal(e.Modified)
}

// link reads a manifest. What cannot be read as one is no link; `recording verify` complains of it.
func (r *run) link(p string) (n link, err error) {
	from, done, err := r.source(p)
	if err != nil {
		return n, err
	}
	defer done()
	b, err := from.root.ReadFile(from.name)
	if err != nil {
		return n, err
	}
	if json.Unmarshal(b, &n) != nil {
		return link{}, nil
	}
	return n, nil
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
		for _, ext := range []string{".wav", ".rec"} { // plain, or encrypted
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

// copyMessages copies what callers have left. A slip lies in messages/new until the rows have a case
// of its message. The rows of this backup are older than its files: a slip that was moved meanwhile
// is put back among the new ones, and the restored server makes the case.
func (r *run) copyMessages(ctx context.Context) error {
	r.pace.goOn("copying messages")
	taken, err := quietly(ctx, messagesFolder, r.messagesOnce)
	if err != nil {
		return err
	}
	maps.Copy(r.files, taken)
	return nil
}

func (r *run) messagesOnce(ctx context.Context) (map[string]Entry, error) {
	// The new ones first: a slip only ever moves from there to the folder of its day.
	slips, half := map[string]string{}, map[string]bool{}
	err := r.each(newFolder, func(p string, _ fs.FileInfo) error {
		id, rest, _ := strings.Cut(path.Base(p), ".")
		if "."+rest == manifestExt {
			slips[id] = p
		} else {
			half[id] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var sounds []string
	err = r.each(messagesFolder, func(p string, _ fs.FileInfo) error {
		id, _, _ := strings.Cut(path.Base(p), ".")
		switch {
		case path.Dir(p) == newFolder:
		case path.Ext(p) == manifestExt:
			slips[id] = p
		default:
			sounds = append(sounds, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	taken := map[string]Entry{}
	for id, p := range slips {
		to := p
		if !r.rows.Cases[call.ID(id)] {
			to = path.Join(newFolder, id+manifestExt)
			if _, ok := r.folders[newFolder]; !ok {
				r.folders[newFolder] = folderMode
			}
		}
		e, err := r.put(ctx, p, inData(to))
		if err != nil {
			return nil, err
		}
		taken[e.Path] = e
	}
	for _, p := range sounds {
		id, _, _ := strings.Cut(path.Base(p), ".")
		if _, kept := slips[id]; !kept && (half[id] || r.hasSlip(p, id)) {
			continue // it is being kept, or was after the rows, or is taken back
		}
		e, err := r.put(ctx, p, inData(p))
		if err != nil {
			return nil, err
		}
		taken[e.Path] = e
	}
	return taken, nil
}

// hasSlip reports whether there is a slip now of a sound that had none when the slips were listed.
func (r *run) hasSlip(sound, id string) bool {
	slip := path.Join(newFolder, id+manifestExt)
	for _, p := range []string{slip + ".tmp", slip, slip + ".gone", strings.TrimSuffix(sound, path.Ext(sound)) + manifestExt} {
		if r.isThere(p) {
			return true
		}
	}
	return false
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
