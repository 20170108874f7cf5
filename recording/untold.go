package recording

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"go.uber.org/zap"

	"hotline/call"
)

// Untold are the messages that nobody has been told of, oldest first: after a restart each is to
// be told again, and whoever is told knows by the ID whether he has been. A slip that cannot be
// read is logged once and passed over. How many messages have been told makes no difference.
func (s *Messages) Untold(ctx context.Context) ([]call.Message, error) {
	var found []call.Message
	err := s.run(ctx, func() error {
		slips, err := s.fresh(ctx)
		for _, n := range slips {
			found = append(found, n.message())
		}
		return err
	}, func() {})
	if err != nil {
		return nil, fmt.Errorf("messages nobody has been told of: %w", err)
	}
	return found, nil
}

// fresh reads the slips in the folder of what is new.
func (s *Messages) fresh(ctx context.Context) (slips []slip, err error) {
	entries, err := fs.ReadDir(s.root.FS(), newFolder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if path.Ext(e.Name()) != manifestExt {
			continue // temporary
		}
		switch n, err := s.read(path.Join(newFolder, e.Name())); {
		case err == nil:
			slips = append(slips, n)
		case !errors.Is(err, fs.ErrNotExist): // told while we looked
			s.complain(e.Name(), err)
		}
	}
	slices.SortFunc(slips, func(a, b slip) int {
		return cmp.Or(a.message().At.Compare(b.message().At), strings.Compare(string(a.ID), string(b.ID)))
	})
	return slips, nil
}

// read reads a slip.
func (s *Messages) read(name string) (slip, error) {
	b, err := s.root.ReadFile(name)
	if err != nil {
		return slip{}, err
	}
	return unpackSlip(b, strings.TrimSuffix(name, tempExt))
}

// complain logs a slip that cannot be read, once.
func (s *Messages) complain(name string, err error) {
	s.mu.Lock()
	was := s.damaged[name]
	s.damaged[name] = true
	s.mu.Unlock()
	if !was {
		s.log.Error("a message cannot be read and is told to nobody; its sound is in the folder of its day", zap.String("file", name), zap.Error(err))
	}
}

// Told notes that a message is known where it belongs, for good: Untold does not have it any more.
// A message that is not among the untold ones is left as it is. The errors are the disk's, those
// of a slip that cannot be read, and ctx's: then the message may be told once more.
func (s *Messages) Told(ctx context.Context, id call.ID) error {
	err := s.run(ctx, func() error { return s.told(id) }, func() {})
	if err != nil {
		return fmt.Errorf("message %s has been told: %w", id, err)
	}
	return nil
}

func (s *Messages) told(id call.ID) error {
	if !isID(string(id)) {
		return fmt.Errorf("%q is not the id of a message", string(id))
	}
	n, err := s.read(slipPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	stem, err := soundStem(n.Path)
	if err != nil {
		return err
	}
	if err := s.disk.rename(s.root, slipPath(id), stem+manifestExt); err != nil {
		return err
	}
	s.metrics.untold.Dec()
	return errors.Join(s.disk.folder(s.root, path.Dir(stem)), s.disk.folder(s.root, newFolder))
}

// Open opens the sound of a message by its Path: a WAV, mono, 16 bits, 8 kHz. It opens nothing
// else: any other path is an error.
func (s *Messages) Open(p string) (*os.File, error) {
	stem, err := soundStem(p)
	if err != nil {
		return nil, fmt.Errorf("open message: %w", err)
	}
	f, err := s.root.Open(stem + soundExt)
	if err != nil {
		return nil, fmt.Errorf("open message: %w", err)
	}
	return f, nil
}

// mend goes through what an earlier process died over, and counts what nobody has been told of.
func (s *Messages) mend() error {
	entries, err := fs.ReadDir(s.root.FS(), newFolder)
	if err != nil {
		return err
	}
	untold := 0
	for _, e := range entries {
		name := path.Join(newFolder, e.Name())
		if path.Ext(name) == manifestExt {
			untold++
		}
		if path.Ext(name) != tempExt {
			continue
		}
		whole, err := s.mendOne(strings.TrimSuffix(name, tempExt))
		if err != nil {
			return err
		}
		if whole {
			untold++
		}
	}
	s.metrics.untold.Set(float64(untold))
	return nil
}

// mendOne finishes a message whose sound is whole, and takes away what there is of any other.
func (s *Messages) mendOne(name string) (whole bool, err error) {
	n, err := s.read(name + tempExt)
	if err != nil { // then its sound was never begun
		return false, s.root.Remove(name + tempExt)
	}
	if !s.sounds(n) {
		s.log.Warn("a message was lost: the process died while it was written", zap.String("file", name))
		return false, s.undo(n)
	}
	stem, err := soundStem(n.Path)
	if err != nil {
		return false, err
	}
	if err := s.syncDay(path.Dir(stem)); err != nil {
		return false, err
	}
	return true, s.name(name)
}

// sounds says whether the sound of a message is there, as its slip says.
func (s *Messages) sounds(n slip) bool {
	f, err := s.Open(n.Path)
	if err != nil {
		return false
	}
	defer f.Close()      // only read
	if f.Sync() != nil { // a killed process leaves it in the kernel's memory
		return false
	}
	sum, err := hash(f)
	return err == nil && sum == n.SHA256
}
