package recording

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"hotline/call"
	"hotline/recording/vault"
)

// Keep puts a message and its sound, at 8 kHz, on the disk. What it returns is the message as the
// next start would read it, with its Path and Length. When it returns no error, the message
// survives the process and a power cut; when it returns an error, nothing is kept. The exception
// is a ctx that ended first: a disk that takes longer may still take the message, and then the
// next start finds it; until then pcm must not be changed. Other errors are the disk's,
// ErrClosed, too many who wait for a disk that hangs, and a message without an id, a time or
// sound, or that is there already.
func (s *Messages) Keep(ctx context.Context, m call.Message, pcm []int16) (call.Message, error) {
	var kept call.Message
	err := s.run(ctx, func() (err error) {
		kept, err = s.keep(m, pcm)
		return err
	})
	if err != nil {
		return m, fmt.Errorf("keep message %s: %w", m.ID, err)
	}
	return kept, nil
}

// keep is Keep, on a goroutine that may hang.
func (s *Messages) keep(m call.Message, pcm []int16) (call.Message, error) {
	e, err := s.envelope(m, pcm)
	if err != nil {
		return m, err
	}
	if err := s.claim(e.slip); err != nil {
		return m, err
	}
	defer s.release(e.ID)
	if err := s.put(e); err != nil {
		return m, errors.Join(err, s.undo(e.ID, e.Path))
	}
	return e.message(), nil
}

// claim makes sure that nobody else keeps, or has kept, a message of this id.
func (s *Messages) claim(n slip) error {
	stem, err := soundStem(n.Path)
	if err != nil {
		return err
	}
	s.mu.Lock()
	busy := s.busy[n.ID]
	s.busy[n.ID] = true
	s.mu.Unlock()
	if busy {
		return fmt.Errorf("it is being kept already: %w", fs.ErrExist)
	}
	for _, name := range []string{slipPath(n.ID), stem + manifestExt} {
		if _, err := s.root.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			s.release(n.ID)
			return cmp.Or(err, fmt.Errorf("it has been kept already: %w", fs.ErrExist))
		}
	}
	return nil
}

func (s *Messages) release(id call.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, id)
}

// put writes the slip under its temporary name, the sound, and gives the slip its name: each is on
// the disk before the next begins.
func (s *Messages) put(e envelope) error {
	b, err := e.pack()
	if err != nil {
		return err
	}
	name := slipPath(e.ID)
	if err := s.write(name+tempExt, b); err != nil {
		return fmt.Errorf("slip: %w", err)
	}
	if err := s.disk.folder(s.root, newFolder); err != nil {
		return err
	}
	if err := s.putSound(e); err != nil {
		return fmt.Errorf("sound: %w", err)
	}
	return s.name(name)
}

// name gives a slip its name: from here on the message is kept.
func (s *Messages) name(name string) error {
	if err := s.disk.rename(s.root, name+tempExt, name); err != nil {
		return err
	}
	return s.disk.folder(s.root, newFolder)
}

// putSound writes the sound into the folder of its day: an encrypted one after its key, without which it is worth nothing.
func (s *Messages) putSound(e envelope) error {
	stem, err := soundStem(e.Path)
	if err != nil {
		return err
	}
	day := path.Dir(stem)
	if err := s.root.MkdirAll(day, messageFolderMode); err != nil {
		return err
	}
	if e.key != nil {
		if err := s.write(stem+keyExt, e.key); err != nil {
			return fmt.Errorf("key: %w", err)
		}
	}
	if err := s.write(stem+path.Ext(e.Path), e.sound); err != nil {
		return err
	}
	return s.syncDay(day)
}

// syncDay puts the entries of a day's folder on the disk, and those of the folders above it that
// may be as new.
func (s *Messages) syncDay(day string) error {
	s.mu.Lock()
	known := s.days[day]
	s.mu.Unlock()
	for dir := day; ; dir = path.Dir(dir) {
		if err := s.disk.folder(s.root, dir); err != nil {
			return err
		}
		if known || dir == "." {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.days[day] = true
	return nil
}

// write writes a file that is on the disk when it returns.
func (s *Messages) write(name string, b []byte) error {
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, messageFileMode)
	if err != nil {
		return err
	}
	if err = s.disk.write(f, b); err == nil {
		err = s.disk.sync(f)
	}
	return errors.Join(err, f.Close())
}

// undo takes away what there is of a message: the slip's name first, so that nobody finds it any
// more, then the key, which is overwritten, then the sound, and last what a start would find the sound by.
func (s *Messages) undo(id call.ID, told string) error {
	stem, err := soundStem(told)
	if err != nil {
		return err
	}
	take := func(name string) error {
		if err := s.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	name := slipPath(id)
	return errors.Join(take(name), vault.Erase(s.root, stem+keyExt), take(stem+path.Ext(told)), take(name+tempExt), take(name+goneExt))
}

// goneExt marks the slip of a message that is being taken back. Beside a manifest, and where a
// message was, it is the tombstone that package purge leaves of what was erased: a copy of the link
// by which the chain has it as erased.
const goneExt = ".gone"

// Discard takes back a message that its caller does not want to have left: nothing of it stays.
// Of what a case was made, everything stays, and the error is fs.ErrNotExist. Other errors are
// the disk's, and ctx's: then it may be gone or not.
func (s *Messages) Discard(ctx context.Context, m call.Message) error {
	err := s.run(ctx, func() error {
		if _, err := stemOf(m); err != nil {
			return err
		}
		if err := s.disk.rename(s.root, slipPath(m.ID), slipPath(m.ID)+goneExt); err != nil {
			return err
		}
		if err := s.disk.folder(s.root, newFolder); err != nil {
			return err
		}
		return s.undo(m.ID, m.Path)
	})
	if err != nil {
		return fmt.Errorf("take message %s back: %w", m.ID, err)
	}
	return nil
}
