package recording

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"go.uber.org/zap"

	"hotline/call"
)

// Untold are the messages of which there is no case yet, oldest first: after a restart each is to
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
	})
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
	return unpackSlip(b, name)
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

// Told notes that there is a case of a message: Untold does not have it any more. Telling it twice
// is no error. The errors are the disk's and ctx's: then the message may be told once more.
func (s *Messages) Told(ctx context.Context, m call.Message) error {
	if err := s.run(ctx, func() error { return s.told(m) }); err != nil {
		return fmt.Errorf("message %s has been told: %w", m.ID, err)
	}
	return nil
}

func (s *Messages) told(m call.Message) error {
	stem, err := stemOf(m)
	if err != nil {
		return err
	}
	switch err := s.disk.rename(s.root, slipPath(m.ID), stem+manifestExt); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return errors.Join(s.disk.folder(s.root, path.Dir(stem)), s.disk.folder(s.root, newFolder))
}

// Sound is a message's sound as a WAV file, by its Path. It reads nothing else: any other path is an error. It is
// fs.ErrNotExist where there is no sound, or no key of it any more.
func (s *Messages) Sound(p string) ([]byte, error) {
	f, err := openMessage(s.root, p, s.unwrap)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("sound of a message: %w", err)
	}
	return b, nil
}

// OpenMessage opens the sound of a message below dir, the folder of messages, by its Path, as a WAV file. What a
// damage took reads as silence. The errors are those of Messages.Sound.
func OpenMessage(dir, p string, unwrap Unwrap) (*Sound, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("sound of a message: %w", err)
	}
	defer root.Close() // files that are open stay so
	return openMessage(root, p, unwrap)
}

func openMessage(root *os.Root, p string, unwrap Unwrap) (*Sound, error) {
	stem, err := soundStem(p)
	if err != nil {
		return nil, fmt.Errorf("sound of a message: %w", err)
	}
	f, err := openStem(root, stem, unwrap)
	if err != nil {
		return nil, fmt.Errorf("sound of a message: %w", err)
	}
	f.Mend()
	return f, nil
}

func (s *Messages) open(p string) (*os.File, error) {
	stem, err := soundStem(p)
	if err != nil {
		return nil, err
	}
	return s.root.Open(stem + path.Ext(p))
}

// mend goes through what an earlier process died over.
func (s *Messages) mend() error {
	entries, err := fs.ReadDir(s.root.FS(), newFolder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(newFolder, e.Name())
		var err error
		switch path.Ext(name) {
		case tempExt:
			err = s.finish(name)
		case goneExt:
			err = s.finishDiscard(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// finish finishes a message whose sound is whole, and takes away what there is of any other.
func (s *Messages) finish(temp string) error {
	n, err := s.read(temp)
	if err != nil { // then its sound was never begun
		return s.root.Remove(temp)
	}
	if !s.sounds(n) {
		s.log.Warn("a message was lost: the process died while it was written", zap.String("file", temp))
		return s.undo(n.ID, n.Path)
	}
	stem, err := soundStem(n.Path)
	if err != nil {
		return err
	}
	if err := s.syncDay(path.Dir(stem)); err != nil {
		return err
	}
	return s.name(slipPath(n.ID))
}

// finishDiscard takes away the rest of a message that was being taken back.
func (s *Messages) finishDiscard(gone string) error {
	n, err := s.read(gone)
	if err != nil {
		s.log.Error("the sound of a message that was taken back is not found by its damaged slip", zap.String("file", gone), zap.Error(err))
		return s.root.Remove(gone)
	}
	return s.undo(n.ID, n.Path)
}

// sounds says whether the sound of a message is there, as its slip says, and its key, which was on the disk before.
func (s *Messages) sounds(n slip) bool {
	if !keyed(s.root, n) {
		return false
	}
	f, err := s.open(n.Path)
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

// keyed says whether a message needs no key or has it.
func keyed(root *os.Root, n slip) bool {
	if path.Ext(n.Path) == soundExt {
		return true
	}
	stem, err := soundStem(n.Path)
	if err != nil {
		return false
	}
	st, err := root.Stat(stem + keyExt)
	return err == nil && st.Size() > 0
}
