package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

// errErasing says that a recording is being erased: nothing of it is to be sent.
var errErasing = errors.New("the recording is being erased")

// move brings a recording to a place: whole, read back and noted when it returns nil.
func (a *Archive) move(ctx context.Context, stem string, i int) error {
	ctx, leave, err := a.enter(ctx, stem, i)
	if err != nil {
		return err
	}
	defer leave()
	p := a.o.Places[i]
	n, err := readNote(a.root, stem)
	if err != nil {
		return ownFault{err}
	}
	files, m, err := a.sendable(stem, n)
	if err != nil || len(files) == 0 {
		return err
	}
	old := n.copyAt(p.Where)
	c := Copy{Place: p.Name, Where: p.Where}
	brought := false
	for _, f := range files {
		if was, ok := sent(old, f); ok {
			c.Files = append(c.Files, was)
			continue
		}
		brought = true
		f, err := a.bring(ctx, p, stem, f, m, n)
		if err != nil {
			return err
		}
		c.Files = append(c.Files, f)
	}
	if !brought {
		return nil
	}
	c.Verified = a.clock.Now().UTC()
	if err := a.noteCopy(stem, c); err != nil {
		return ownFault{err}
	}
	a.event(stem, "recording.away", map[string]string{"place": p.Name})
	if err := a.look(stem); err != nil {
		return ownFault{err}
	}
	return nil
}

// enter begins to send a recording to a place. leave ends it. An erasure ends the context.
func (a *Archive) enter(ctx context.Context, stem string, i int) (_ context.Context, leave func(), err error) {
	unlock := a.locks.share(stem)
	ctx, cancel := context.WithCancel(ctx)
	a.mu.Lock()
	if a.erasing[stem] != nil {
		err = errErasing
	} else {
		if a.sending[stem] == nil {
			a.sending[stem] = map[int]context.CancelFunc{}
		}
		a.sending[stem][i] = cancel
	}
	a.mu.Unlock()
	leave = func() {
		a.mu.Lock()
		if delete(a.sending[stem], i); len(a.sending[stem]) == 0 {
			delete(a.sending, stem)
		}
		a.mu.Unlock()
		cancel()
		unlock()
	}
	if err != nil {
		leave()
	}
	return ctx, leave, err
}

// sendable are the files of a sealed recording; none: it is not sealed, or not there any more. The
// sound that was removed here is one of them, as the notes have it.
func (a *Archive) sendable(stem string, n Note) (files []File, m manifest, err error) {
	b, err := a.root.ReadFile(stem + manifestExt)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, m, nil
	} else if err != nil {
		return nil, m, ownFault{err}
	}
	if m, err = readManifest(b); err != nil {
		return nil, m, ownFault{err}
	}
	if files, err = lies(a.root, stem); err != nil {
		return nil, m, ownFault{err}
	}
	if len(files) > 0 && isSound(path.Ext(files[0].Name)) {
		return files, m, nil
	}
	if n.Removed != nil {
		for _, c := range n.Copies {
			if sound, ok := c.sound(); ok {
				return append([]File{sound}, files...), m, nil
			}
		}
	}
	return nil, m, nil // purged, or lost
}

// sent is a file as a copy has it, where it need not be sent again.
func sent(c *Copy, f File) (File, bool) {
	if c == nil {
		return File{}, false
	}
	was, ok := c.file(f.Name)
	return was, ok && (isFixed(path.Ext(f.Name)) || was.Size == f.Size && was.Changed.Equal(f.Changed))
}

// bring puts one file at a place, reads it back, and gives what was put.
func (a *Archive) bring(ctx context.Context, p Located, stem string, f File, m manifest, n Note) (File, error) {
	key := path.Join(path.Dir(stem), f.Name)
	from, err := a.source(ctx, key, n)
	if err != nil {
		return f, err
	}
	defer from.Close() // only read
	ctx, cancel := context.WithTimeout(ctx, a.patience(f.Size))
	defer cancel()
	h := sha256.New()
	size, err := io.CopyBuffer(h, &untilDone{ctx, io.NewSectionReader(from, 0, 1<<62)}, make([]byte, chunk))
	if err != nil {
		return f, own("read %s: %w", key, err)
	}
	f.SHA256 = hex.EncodeToString(h.Sum(nil))
	switch {
	case isSound(path.Ext(f.Name)) && !strings.EqualFold(f.SHA256, m.SHA256):
		return f, own("%w: the sound here was changed, its SHA-256 is not the manifest's; it is not sent", ErrConflict)
	case size != f.Size:
		return f, own("%s has just been changed", key)
	}
	return f, a.settle(ctx, p, key, f, Source{ReaderAt: from, Size: f.Size, SHA256: f.SHA256, Meter: a.sentTo(ctx, p)})
}

// patience is how long a file may take: a connection that hangs says nothing.
func (a *Archive) patience(size int64) time.Duration {
	least := int64(slowest)
	if a.o.Rate > 0 { // shared by all that are sent and read back
		least = max(1, min(least, a.o.Rate/int64(4*atOnce*len(a.o.Places))))
	}
	return patience + time.Duration(size/least)*time.Second
}

// source opens a file of a recording, here or, where its sound was removed, at a place that has it.
func (a *Archive) source(ctx context.Context, key string, n Note) (Reader, error) {
	f, err := a.root.Open(key)
	switch {
	case err == nil:
		return f, nil
	case !errors.Is(err, fs.ErrNotExist) || n.Removed == nil:
		return nil, ownFault{err}
	}
	var errs []error
	for _, p := range a.o.Places {
		if n.copyAt(p.Where) == nil {
			continue
		}
		r, err := p.Get(ctx, key)
		if err == nil {
			return farReader{r, ctx, &a.limit}, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
	}
	return nil, own("the sound was removed here, and no other place gives it: %w", errors.Join(errs...))
}

// sentTo makes readers that are bounded and counted as sent to a place.
func (a *Archive) sentTo(ctx context.Context, p Located) func(io.Reader) io.Reader {
	sum := a.metrics.bytes.WithLabelValues(p.Name)
	return func(r io.Reader) io.Reader {
		return &meter{r, ctx, &a.limit, func(n int) { sum.Add(float64(n)) }}
	}
}

// settle makes sure that a place has a file: it asks what is there, sends what is not, and reads
// back the whole.
func (a *Archive) settle(ctx context.Context, p Located, key string, f File, s Source) error {
	there, err := p.Stat(ctx, key)
	found := err == nil
	if err = ignore(err, fs.ErrNotExist); err != nil {
		return fmt.Errorf("ask %s: %w", p.Name, err)
	}
	what := decide(f, isFixed(path.Ext(f.Name)), found, there)
	switch what {
	case conflict:
		return own("%w (%s at %s: %d bytes, here %d)", ErrConflict, path.Base(key), p.Name, there.Size, f.Size)
	case renew:
		if err := p.Delete(ctx, key); err != nil {
			return fmt.Errorf("delete what is damaged at %s: %w", p.Name, err)
		}
	}
	if what != check {
		if err := a.put(ctx, p, key, f, s); err != nil {
			return err
		}
	}
	got, err := a.readBack(ctx, p, key)
	switch {
	case err != nil:
		return fmt.Errorf("read back from %s: %w", p.Name, err)
	case got == f.SHA256:
		return nil
	case what == check && there.SHA256 == "" && isFixed(path.Ext(f.Name)):
		return own("%w (%s at %s)", ErrConflict, path.Base(key), p.Name) // nobody knows who has put it there
	}
	return errors.Join(fmt.Errorf("%w: %s at %s", ErrMismatch, path.Base(key), p.Name), p.Delete(ctx, key))
}

// put sends a file and asks what the place says that it got. What is wrong is deleted: the next try
// begins anew.
func (a *Archive) put(ctx context.Context, p Located, key string, f File, s Source) error {
	err := p.Put(ctx, key, s)
	if err != nil && !errors.Is(err, ErrMismatch) {
		return fmt.Errorf("send to %s: %w", p.Name, err)
	}
	if err == nil {
		var there Object
		there, err = p.Stat(ctx, key)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("ask %s: %w", p.Name, err)
		}
		if err == nil && there.Size == f.Size && (there.SHA256 == "" || there.SHA256 == f.SHA256) {
			return nil
		}
		err = fmt.Errorf("%w: it says that it has %d bytes of %s with the SHA-256 %q, not %d with %q",
			ErrMismatch, there.Size, path.Base(key), there.SHA256, f.Size, f.SHA256)
	}
	return errors.Join(err, p.Delete(ctx, key))
}

// readBack gives the SHA-256 of what a place gives back.
func (a *Archive) readBack(ctx context.Context, p Located, key string) (string, error) {
	r, err := p.Get(ctx, key)
	if err != nil {
		return "", err
	}
	defer r.Close() // only read
	h := sha256.New()
	if _, err := io.CopyBuffer(h, &meter{r, ctx, &a.limit, nil}, make([]byte, chunk)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// noteCopy writes down that a place has a recording.
func (a *Archive) noteCopy(stem string, c Copy) error {
	a.notes.Lock()
	defer a.notes.Unlock()
	n, err := readNote(a.root, stem)
	if err != nil {
		return err
	}
	n.put(c)
	return n.write(a.root, stem)
}
