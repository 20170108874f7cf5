package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"sync"
	"time"

	"hotline/call"
	"hotline/recording/chain"
	"hotline/recording/durable"
)

// A Repaired is a recording that a dead process left open and that is sealed now.
type Repaired struct {
	Call     call.ID
	Path     string // relative to the data folder
	Samples  int64  // per channel
	Duration time.Duration
	Ended    time.Time // when its sound ends; zero where nothing says when it began
	Notice   *call.Notice
}

// Repair mends what an earlier process left below dir: a sound file without a manifest is cut to
// whole samples, gets its true sizes and a manifest in StateInterrupted, made of its draft, or
// of info where the draft is lost. Files that a process died over are removed. All files are
// made playable before the first is hashed, which takes longer.
//
// Repair is to run before New, may run again after it was interrupted, and goes on after a file
// that cannot be repaired: the error names each of them.
//
// Where manifests are links of a chain, those that an earlier process has named and not counted any more are
// counted first, then those of the repaired follow.
func Repair(ctx context.Context, dir string, links *chain.Chain, info func(call.ID) Meta) ([]Repaired, error) {
	return repair(ctx, dir, links, info, nil)
}

// RepairBoth is Repair with a second directory: what lies there is brought home first. What dir does not take stays
// there, is named in the error and is not repaired.
func RepairBoth(ctx context.Context, dir, second string, links *chain.Chain, info func(call.ID) Meta) ([]Repaired, error) {
	return repairBoth(ctx, dir, second, links, info, nil)
}

func repairBoth(ctx context.Context, dir, second string, links *chain.Chain, info func(call.ID) Meta, step func(string)) (done []Repaired, err error) {
	if second == "" {
		return Repair(ctx, dir, links, info)
	}
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("repair recordings: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("repair recordings: %w", err)
	}
	defer root.Close() // nothing is written through it any more
	kept, errs := bringLeft(root, second, step)
	if err := errors.Join(errs...); err != nil {
		errs = []error{fmt.Errorf("bring recordings home: %w", err)}
	}
	done, err = repair(ctx, dir, links, info, kept)
	return done, errors.Join(append(errs, err)...)
}

// repair is Repair of all but those that are kept in another place.
func repair(ctx context.Context, dir string, links *chain.Chain, info func(call.ID) Meta, kept map[string]bool) ([]Repaired, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("repair recordings: %w", err)
	}
	defer root.Close() // nothing is written through it any more
	shelves, temps, err := walk(root)
	if err != nil {
		return nil, fmt.Errorf("repair recordings: %w", err)
	}
	shelves = slices.DeleteFunc(shelves, func(sh shelf) bool { return kept[sh.stem] })
	if err := settle(links, shelves); err != nil {
		return nil, fmt.Errorf("repair recordings: %w", err)
	}
	jobs, errs := pick(root, links, shelves, info)
	for _, t := range temps {
		errs = append(errs, root.Remove(t))
	}
	each(ctx, jobs, (*patient).measure)
	each(ctx, jobs, (*patient).seal)
	var done []Repaired
	synced := map[string]bool{}
	for _, p := range jobs {
		if dir := path.Dir(p.shelf.stem); p.whole && !synced[dir] { // the folder may be as new as the file
			synced[dir] = true
			errs = append(errs, durable.SyncFolders(root, dir))
		}
		switch {
		case p.err != nil:
			errs = append(errs, fmt.Errorf("repair %s: %w", p.Path, p.err))
		case p.whole:
			done = append(done, p.Repaired)
		}
	}
	return done, errors.Join(append(errs, ctx.Err())...)
}

// settle counts the links whose process died before it counted them: their drafts are still there.
func settle(links *chain.Chain, shelves []shelf) error {
	if links == nil {
		return nil
	}
	var named []string
	for _, sh := range shelves {
		if sh.manifest && sh.draft {
			named = append(named, sh.stem+manifestExt)
		}
	}
	return links.Settle(named...)
}

// pick finds what needs repair, and throws away drafts that no longer serve: the manifest is
// there, or the sound never was.
func pick(root *os.Root, links *chain.Chain, shelves []shelf, info func(call.ID) Meta) (jobs []*patient, errs []error) {
	for _, sh := range shelves {
		switch {
		case sh.sound && !sh.manifest:
			jobs = append(jobs, &patient{
				Repaired: Repaired{Call: sh.call, Path: told(sh.file())},
				root:     root, links: links, shelf: sh, about: draftOf(root, sh, info(sh.call)),
			})
		case sh.draft:
			if sh.key && !sh.sound && !sh.manifest {
				errs = append(errs, removeKey(root, sh.stem))
			}
			errs = append(errs, root.Remove(sh.stem+draftExt))
		}
	}
	return jobs, errs
}

// each does one step of all repairs, as many at a time as there are processors.
func each(ctx context.Context, jobs []*patient, step func(*patient) error) {
	var wg sync.WaitGroup
	next := make(chan *patient)
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		wg.Go(func() {
			for p := range next {
				if p.err == nil && ctx.Err() == nil {
					p.err = step(p)
				}
			}
		})
	}
	for _, p := range jobs {
		next <- p
	}
	close(next)
	wg.Wait()
}

// A patient is a recording under repair.
type patient struct {
	Repaired
	root  *os.Root
	links *chain.Chain
	shelf shelf
	about manifest
	form  format
	whole bool // sealed
	err   error
}

// measure gives the file its true sizes: from here on every player plays it, or Decrypt opens it.
func (p *patient) measure() (err error) {
	f, err := p.root.OpenFile(p.shelf.file(), os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if p.shelf.box {
		err = p.measureBox(f)
	} else {
		err = p.measureWAV(f)
	}
	if err != nil {
		return err
	}
	p.Duration = samplesTime(p.Samples)
	p.Notice = p.about.Notice.notice()
	if opened := time.Time(p.about.Opened); !opened.IsZero() {
		p.Ended = opened.Add(p.Duration)
	}
	return nil
}

func (p *patient) measureWAV(f *os.File) error {
	form, size, err := look(f, p.about.Codec)
	if err != nil {
		return err
	}
	p.form = form
	p.Samples = max(0, size-int64(form.headSize())) / int64(form.frame())
	return trueSizes(f, form, p.Samples)
}

// seal puts the file on the disk, hashes it and leaves its manifest.
func (p *patient) seal() (err error) {
	f, err := p.root.OpenFile(p.shelf.file(), os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	m := p.about
	m.State, m.Codec, m.Rate, m.Samples, m.Sealed = StateInterrupted, p.form.codec, call.ClockRate, p.Samples, stamp(time.Now())
	if m.SHA256, err = hash(f); err != nil {
		return err
	}
	m.end(p.Ended)
	if p.shelf.box {
		m.Peaks = "" // the sound cannot be read without its key
	} else if cells, err := tallySound(f, p.form, p.Samples); err == nil { // where they are missing they are made when asked for
		m.Peaks, _ = storePeaks(p.root, p.shelf.stem, cells, nil)
	}
	if err := m.store(p.root, p.links, p.shelf.stem); err != nil {
		return err
	}
	p.whole = true
	if p.shelf.draft {
		return p.root.Remove(p.shelf.stem + draftExt)
	}
	return nil
}

// look reads the format out of a file's header. Where the header is not one of ours it believes
// the draft's codec: a power cut may have lost the file's first block and kept the others.
// Without a draft it takes only a file that ends within its header, made an instant before the
// process died, for an empty recording in the usual format.
func look(f *os.File, drafted string) (form format, size int64, err error) {
	st, err := f.Stat()
	if err != nil {
		return form, 0, err
	}
	head := make([]byte, maxHead)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return form, 0, err
	}
	form, _, err = readHead(head[:n])
	switch {
	case err == nil:
	case knownCodec(drafted):
		form, err = format{codec: drafted}, nil
	case st.Size() <= int64(format{codec: codecPCM16}.headSize()):
		form, err = format{codec: codecPCM16}, nil
	}
	return form, st.Size(), err
}

// draftOf is what is known of an interrupted recording: its draft, or what its call's row says.
func draftOf(root *os.Root, sh shelf, known Meta) manifest {
	if b, err := root.ReadFile(sh.stem + draftExt); err == nil {
		if m, ok := lastDraft(b); ok && m.Call == sh.call {
			return m
		}
	}
	m := manifest{
		Version: manifestVersion, Call: sh.call, Line: known.Line, Linked: known.Linked, Opened: stamp(known.Answered),
		Gaps: []gapLine{}, Parties: []partyLine{},
	}
	if m.Node, _ = os.Hostname(); !known.Answered.IsZero() {
		// What was left out, and why, went with the draft: the whole of it is doubtful.
		for _, ch := range []call.Channel{call.Said, call.Heard} {
			m.Gaps = append(m.Gaps, gapLine{Channel: ch.String(), From: stamp(known.Answered), Reason: "unknown"})
		}
	}
	return m
}
