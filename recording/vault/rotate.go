package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"hotline/recording/durable"
)

// rotating is the file in the keyring's folder that says that a rotation is not through.
const rotating = "rotation"

// Progress is how far a rotation has come.
type Progress struct {
	Done, Total int
	Sealed      int // of them anew; the others were sealed for the epoch already
}

// Roots are folders below which keys lie.
type Roots []*os.Root

// Rotate makes a new epoch and seals the keys of all recordings below roots anew: for it, and for the
// recovery recipients of now. One that was interrupted is gone on with, without another epoch.
// Nobody need stop meanwhile: what is recorded goes on, and processes that keep a keyring seal for
// the new epoch from their next Refresh on. The old epochs stay: see Retire. Progress may be nil.
//
// A key that cannot be sealed anew keeps its old seal and is named in the error; the others are done. Keys that
// no epoch opens any more, as on a new machine, are opened with the recovery identities that are given.
func (k *Keyring) Rotate(ctx context.Context, roots Roots, progress func(Progress), recovery ...age.Identity) (Progress, error) {
	if err := k.Refresh(); err != nil {
		return Progress{}, err
	}
	if _, err := k.root.Stat(rotating); errors.Is(err, fs.ErrNotExist) {
		epoch, err := k.NewEpoch()
		if err == nil {
			err = writeNew(k.root, rotating, []byte(epoch+"\n"))
		}
		if err != nil {
			return Progress{}, fmt.Errorf("rotate: %w", err)
		}
	} else if err != nil {
		return Progress{}, fmt.Errorf("rotate: %w", err)
	}
	p, err := k.pass(ctx, roots, progress, recovery...)
	if err != nil {
		return p, fmt.Errorf("rotate: %w", err)
	}
	if err := k.root.Remove(rotating); err != nil {
		return p, fmt.Errorf("rotate: %w", err)
	}
	return p, nil
}

// Reseal is Rotate without a new epoch: it seals what is not sealed for the newest one and the recipients of now.
func (k *Keyring) Reseal(ctx context.Context, roots Roots, progress func(Progress), recovery ...age.Identity) (Progress, error) {
	p, err := k.pass(ctx, roots, progress, recovery...)
	if err != nil {
		return p, fmt.Errorf("seal keys anew: %w", err)
	}
	return p, nil
}

// Settle is how long after a new epoch Retire waits, so that every process that keeps a keyring
// has seen it.
const Settle = 3 * RefreshEvery

// Retire removes all epochs but the current one, after it has made sure that no key below roots needs
// them. From then on what was sealed for them, as an old backup or a freed block of the disk may
// be, can be opened with a recovery identity only: this is what makes Erase final. It fails with
// what is to be done first where a rotation is not through or the epoch is younger than Settle.
func (k *Keyring) Retire(ctx context.Context, roots Roots, progress func(Progress)) (removed []string, err error) {
	if err := k.Refresh(); err != nil {
		return nil, err
	}
	current := k.Current()
	if _, err := k.root.Stat(rotating); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("retire: a rotation is not through; run it to its end first")
	}
	st, err := k.root.Stat(current + epochExt)
	if err != nil {
		return nil, fmt.Errorf("retire: %w", err)
	}
	if age := time.Since(st.ModTime()); age < Settle {
		return nil, fmt.Errorf("retire: epoch %s is %v old; wait until it is %v, so that no process seals for the one before",
			current, age.Truncate(time.Second), Settle)
	}
	if _, err := k.pass(ctx, roots, progress); err != nil {
		return nil, fmt.Errorf("retire: %w", err)
	}
	epochs, err := k.Epochs()
	if err != nil {
		return nil, err
	}
	for _, e := range epochs {
		if e == current {
			break // and what is newer stays
		}
		if err := Erase(k.root, e+epochExt); err != nil {
			return removed, fmt.Errorf("retire: %w", err)
		}
		removed = append(removed, e)
	}
	return removed, nil
}

// pass seals what is not sealed for the current epoch and the recipients of now.
func (k *Keyring) pass(ctx context.Context, roots Roots, progress func(Progress), recovery ...age.Identity) (p Progress, err error) {
	below := make([][]string, len(roots))
	for i, root := range roots {
		if below[i], err = keysBelow(root); err != nil {
			return p, err
		}
		p.Total += len(below[i])
	}
	ids, err := k.identities()
	if err != nil {
		return p, err
	}
	ids = append(ids, recovery...)
	if progress == nil {
		progress = func(Progress) {}
	}
	var errs []error
	for i, root := range roots {
		errs = append(errs, k.passOne(ctx, root, below[i], ids, &p, progress))
	}
	return p, errors.Join(errs...)
}

func (k *Keyring) passOne(ctx context.Context, root *os.Root, names []string, ids []age.Identity, p *Progress, progress func(Progress)) error {
	var errs []error
	dirs := map[string]bool{} // all: one who died may have sealed a key anew and not put its name on the disk
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		done, err := k.rewrap(root, name, ids)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // erased meanwhile
			errs = append(errs, err)
		}
		if done {
			p.Sealed++
		}
		dirs[path.Dir(name)] = true
		p.Done++
		progress(*p)
	}
	for dir := range dirs {
		if err := durable.SyncFolder(root, dir); !errors.Is(err, fs.ErrNotExist) { // gone meanwhile
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// keysBelow are the names of all keys of recordings below root, in order.
func keysBelow(root *os.Root) (names []string, err error) {
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(p, KeyExt) {
			names = append(names, p)
		}
		if errors.Is(err, fs.ErrNotExist) && p != "." {
			return nil // purged meanwhile
		}
		return err
	})
	return names, err
}

// Rewrap seals the key in a file anew, for the current epoch and the recipients of now, and reports
// whether that was to do. The file is replaced as a whole: whoever dies meanwhile leaves the old or
// the new one. Where an Erase comes in between, the key stays erased.
func (k *Keyring) Rewrap(root *os.Root, name string) (bool, error) {
	ids, err := k.identities()
	if err != nil {
		return false, err
	}
	done, err := k.rewrap(root, name, ids)
	if done {
		err = errors.Join(err, durable.SyncFolder(root, path.Dir(name)))
	}
	return done, err
}

func (k *Keyring) rewrap(root *os.Root, name string, ids []age.Identity) (done bool, err error) {
	f, err := openLocked(root, name)
	if err != nil {
		return false, fmt.Errorf("seal %s anew: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }() // gives the lock back
	old, err := io.ReadAll(io.LimitReader(f, maxSealed+1))
	if err != nil {
		return false, fmt.Errorf("seal %s anew: %w", name, err)
	}
	s, err := Unwrap(old, ids...)
	switch {
	case err != nil:
		return false, fmt.Errorf("seal %s anew: %w", name, err)
	case s.Call != idOf(name):
		return false, fmt.Errorf("seal %s anew: it is the key of call %s", name, s.Call)
	case s.Epoch == k.Current() && slices.Equal(s.Recovery, k.recovery):
		return false, nil
	}
	b, _, err := k.Wrap(s.Call, s.Key)
	if err == nil {
		err = replace(root, name, b)
	}
	if err != nil {
		return false, fmt.Errorf("seal %s anew: %w", name, err)
	}
	return true, nil
}
