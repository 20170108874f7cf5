package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"hotline/call"
)

// A Repaired is a recording that a dead process left open and that is sealed now.
type Repaired struct {
	Call     call.ID
	Path     string // relative to the data folder
	Samples  int64  // per channel
	Duration time.Duration
	Ended    time.Time // when its sound ends; zero where the file does not say when it began
}

// Repair mends what an earlier process left below dir: a sound file without a manifest is cut to
// whole samples, gets its true sizes and a manifest in StateInterrupted, made of its draft, or
// of info where the draft is lost. Files that a process died over are removed. It is to run
// before New, may run again after it was interrupted, and goes on after a file that cannot be
// repaired: the error names each of them.
func Repair(ctx context.Context, dir string, info func(call.ID) Meta) ([]Repaired, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("repair recordings: %w", err)
	}
	defer root.Close()
	shelves, temps, err := walk(root)
	if err != nil {
		return nil, fmt.Errorf("repair recordings: %w", err)
	}
	var errs []error
	for _, t := range temps {
		errs = append(errs, root.Remove(t))
	}
	var done []Repaired
	for _, sh := range shelves {
		if ctx.Err() != nil {
			return done, errors.Join(append(errs, ctx.Err())...)
		}
		if sh.manifest || !sh.sound {
			if sh.draft { // its manifest is there, or its sound never was
				errs = append(errs, root.Remove(sh.stem+draftExt))
			}
			continue
		}
		r, err := repair(root, sh, info)
		if err != nil {
			errs = append(errs, fmt.Errorf("repair %s: %w", told(sh.stem+soundExt), err))
			continue
		}
		done = append(done, r)
	}
	return done, errors.Join(errs...)
}

// repair seals one interrupted recording.
func repair(root *os.Root, sh shelf, info func(call.ID) Meta) (Repaired, error) {
	r := Repaired{Call: sh.call, Path: told(sh.stem + soundExt)}
	f, err := root.OpenFile(sh.stem+soundExt, os.O_RDWR, fileMode)
	if err != nil {
		return r, err
	}
	defer f.Close() // synced below
	form, size, err := look(f)
	if err != nil {
		return r, err
	}
	r.Samples = max(0, size-int64(form.headSize())) / int64(form.frame())
	r.Duration = samplesTime(r.Samples)
	if err := trueSizes(f, form, r.Samples); err != nil {
		return r, err
	}
	if err := f.Sync(); err != nil {
		return r, fmt.Errorf("sync: %w", err)
	}
	m := draftOf(root, sh, info(sh.call))
	m.State, m.Codec, m.Rate, m.Samples, m.Sealed = StateInterrupted, form.codec, call.ClockRate, r.Samples, stamp(time.Now())
	if m.SHA256, err = hash(f); err != nil {
		return r, err
	}
	if opened := time.Time(m.Opened); !opened.IsZero() {
		r.Ended = opened.Add(r.Duration)
	}
	m.end(r.Ended)
	if err := m.store(root, sh.stem, path.Dir(sh.stem)); err != nil {
		return r, err
	}
	if sh.draft {
		return r, root.Remove(sh.stem + draftExt)
	}
	return r, nil
}

// look reads the format out of a file's header. A file that ends within its header was made an
// instant before the process died: it is an empty recording in the usual format.
func look(f *os.File) (form format, size int64, err error) {
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
	if err != nil && st.Size() <= int64(formatFor(PCM16, call.PCMA, nil).headSize()) {
		return format{codec: codecPCM16}, 0, nil
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
		Version: manifestVersion, Call: sh.call, Line: known.Line, Opened: stamp(known.Answered),
		Gaps: []gapLine{}, Parties: []partyLine{},
	}
	if m.Node, _ = os.Hostname(); !known.Answered.IsZero() {
		// What is known of the left channel went with the draft: the whole of it is doubtful.
		m.Gaps = append(m.Gaps, gapLine{Channel: call.Said.String(), From: stamp(known.Answered), Reason: "unknown"})
	}
	return m
}
