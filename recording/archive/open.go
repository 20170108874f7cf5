package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
)

// A Sound is the sound of a recording, as it lies: a WAV, or encrypted. Reading from storage asks
// for the ranges that are read.
type Sound struct {
	Reader
	Name  string // of the file, without folder: CALL.wav or CALL.rec
	Size  int64  // bytes
	Place string // empty: here
}

// Open opens the sound of a recording where it lies: here, else at the first place that has it. told
// is its path, as Stem takes it. ctx is that of all reading. The error is fs.ErrNotExist where it
// lies nowhere, and names each place that could not be asked.
func (a *Archive) Open(ctx context.Context, told string) (*Sound, error) {
	stem, ok := Stem(told)
	if !ok {
		return nil, fmt.Errorf("open: %q is no recording, write it as 2026/12/05/CALL", told)
	}
	if a.isErasing(stem) {
		return nil, fmt.Errorf("open %s: it is erased: %w", stem, fs.ErrNotExist)
	}
	for _, ext := range soundExts {
		f, err := a.root.Open(stem + ext)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("open %s: %w", stem, err)
		}
		return local(f, path.Base(stem)+ext)
	}
	n, err := readNote(a.root, stem)
	if err != nil {
		n = Note{} // then all places are asked for all that it may be
	}
	var errs []error
	for _, p := range a.o.Places {
		for _, name := range soundNames(n.copyAt(p.Where), path.Base(stem)) {
			s, err := p.sound(ctx, path.Join(path.Dir(stem), name))
			if err == nil {
				return s, nil
			}
			if err = ignore(err, fs.ErrNotExist); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
			}
		}
	}
	if len(errs) == 0 {
		errs = append(errs, fs.ErrNotExist)
	}
	return nil, fmt.Errorf("open %s: the sound is not here: %w", stem, errors.Join(errs...))
}

// soundNames are what the sound may be called at a place.
func soundNames(c *Copy, base string) []string {
	if c != nil {
		if f, ok := c.sound(); ok {
			return []string{f.Name}
		}
	}
	return []string{base + sealedExt, base + plainExt}
}

// local is the sound that lies here.
func local(f *os.File, name string) (*Sound, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Sound{Reader: f, Name: name, Size: st.Size()}, nil
}

// sound is the sound that lies at a place.
func (p Located) sound(ctx context.Context, key string) (*Sound, error) {
	there, err := p.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	r, err := p.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return &Sound{Reader: r, Name: path.Base(key), Size: there.Size, Place: p.Name}, nil
}

// Local reports whether the sound lies here. root and stem are as those of Places.
func Local(root *os.Root, stem string) bool {
	return slices.ContainsFunc(soundExts, func(ext string) bool {
		_, err := root.Lstat(stem + ext)
		return err == nil
	})
}

// Places are the names of the places where CALL.away says that a copy was verified. root is the
// folder of the recordings, stem the recording's path in it without ending.
func Places(root *os.Root, stem string) (all []string) {
	n, err := readNote(root, stem)
	if err != nil {
		return nil
	}
	for _, c := range n.Copies {
		all = append(all, c.Place)
	}
	return all
}
