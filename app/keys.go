package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"go.uber.org/zap"

	"hotline/configs"
	"hotline/recording"
	"hotline/recording/vault"
)

// epochsOf is the folder with the server's own keys of encrypted recordings.
func epochsOf(f *configs.File) string { return epochsIn(f, f.Data) }

// epochsIn is that for another data folder.
func epochsIn(f *configs.File, data string) string {
	if filepath.IsAbs(f.Recording.Keys) {
		return f.Recording.Keys
	}
	return filepath.Join(data, f.Recording.Keys)
}

// keysThere opens them if they are there; nil where recordings are plain and always were. Recordings that were
// encrypted while that was configured can be heard for as long as their keys are there.
func keysThere(f *configs.File) (*vault.Keyring, error) {
	if _, err := os.Stat(epochsOf(f)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return openKeys(f)
}

func openKeys(f *configs.File) (*vault.Keyring, error) {
	return vault.OpenKeyring(epochsOf(f), f.Recording.Encrypt)
}

// encrypts says whether what is recorded from now on is encrypted.
func encrypts(f *configs.File) bool { return len(f.Recording.Encrypt) > 0 }

// openKeyring opens the keys for as long as the server runs.
func (a *App) openKeyring() (err error) {
	if encrypts(a.file) {
		a.keys, err = openKeys(a.file)
	} else {
		a.keys, err = keysThere(a.file)
	}
	if err != nil || a.keys == nil {
		return err
	}
	a.steps.closer("keys", a.keys.Close)
	if encrypts(a.file) {
		a.log.Info("recordings are encrypted", zap.String("epoch", a.keys.Current()), zap.Int("recovery", len(a.file.Recording.Encrypt)))
	}
	return nil
}

// vault seals the keys of what is recorded from now on; nil: it is plain.
func (a *App) vault() *vault.Keyring {
	if !encrypts(a.file) {
		return nil
	}
	return a.keys
}

// unwrap opens the keys of encrypted recordings; nil where there are none.
func unwrap(k *vault.Keyring) recording.Unwrap {
	if k == nil {
		return nil
	}
	return k.Unwrap
}

// unwrapLater opens keys without a server, each time that one is asked for; nil where there are none.
func unwrapLater(f *configs.File) recording.Unwrap {
	if _, err := os.Stat(epochsOf(f)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return func(sealed []byte) (s vault.Secret, err error) {
		k, err := openKeys(f)
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, k.Close()) }()
		return k.Unwrap(sealed)
	}
}

// A Rotation is what RotateKeys has done.
type Rotation struct {
	Epoch   string   `json:"epoch"`   // for which all keys are sealed now
	Keys    int      `json:"keys"`    // of recordings that there are
	Sealed  int      `json:"sealed"`  // of them anew
	Retired []string `json:"retired"` // epochs that were removed
}

// A RotateOrder is what RotateKeys is to do beside.
type RotateOrder struct {
	Retire   bool                  // wait until every process knows the new epoch, then remove those before it
	Recovery string                // file of a recovery identity, for keys that no epoch opens; empty: none
	Progress func(done, total int) // may be nil
}

// RotateKeys seals the keys of all recordings anew, for a new epoch of the server's and for the recipients in the
// file; it needs no server and disturbs none.
func RotateKeys(ctx context.Context, f *configs.File, o RotateOrder) (r Rotation, err error) {
	r.Retired = []string{}
	if !encrypts(f) {
		return r, errors.New("recording.encrypt names nobody: recordings are plain, and their keys are not sealed without a way of recovery")
	}
	k, err := keysThere(f)
	if err != nil {
		return r, err
	} else if k == nil {
		return r, fmt.Errorf("there are no keys in %s yet; the server makes the first when it starts with recording.encrypt", epochsOf(f))
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	roots, done, err := keyed(f.Data)
	if err != nil {
		return r, err
	}
	defer done()
	tell := func(p vault.Progress) {
		if o.Progress != nil {
			o.Progress(p.Done, p.Total)
		}
	}
	ids, err := recoveryIn(o.Recovery)
	if err != nil {
		return r, err
	}
	p, err := k.Rotate(ctx, roots, tell, ids...)
	r.Epoch, r.Keys, r.Sealed = k.Current(), p.Total, p.Sealed
	if err != nil || !o.Retire {
		return r, err
	}
	select {
	case <-time.After(vault.Settle + time.Second):
	case <-ctx.Done():
		return r, ctx.Err()
	}
	if err := resealSecond(ctx, f, k, ids); err != nil {
		return r, err
	}
	gone, err := k.Retire(ctx, roots, tell)
	r.Retired = append(r.Retired, gone...)
	return r, err
}

// resealSecond seals anew the keys that a dead process has left in the second directory; those of calls that go on are
// sealed anew when they come home.
func resealSecond(ctx context.Context, f *configs.File, k *vault.Keyring, ids []age.Identity) error {
	if f.Recording.Second == "" {
		return nil
	}
	root, err := os.OpenRoot(f.Recording.Second)
	if err != nil {
		return fmt.Errorf("recording.second: recordings may lie there that need the old epochs; mount it, or leave the epochs: %w", err)
	}
	defer root.Close() // only a folder
	_, err = k.Reseal(ctx, vault.Roots{root}, nil, ids...)
	return err
}

// keyed opens the folders of a data folder below which keys lie, those of them that are there. done closes them.
func keyed(data string) (roots vault.Roots, done func(), err error) {
	done = func() {
		for _, r := range roots {
			_ = r.Close() // only a folder
		}
	}
	for _, dir := range []string{recordingsIn(data), messagesIn(data)} {
		root, err := os.OpenRoot(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			done()
			return nil, nil, err
		}
		roots = append(roots, root)
	}
	return roots, done, nil
}

// resealAll seals the keys of all recordings below a data folder for the newest epoch, which is made where there is
// none, opening them with the recovery identity in a file: for recordings whose epochs were lost. It may run
// again after it was interrupted.
func resealAll(ctx context.Context, f *configs.File, data, identity string) (err error) {
	ids, err := recoveryIn(identity)
	if err != nil {
		return err
	}
	roots, done, err := keyed(data)
	if err != nil || len(roots) == 0 {
		return err
	}
	defer done()
	k, err := vault.OpenKeyring(epochsIn(f, data), f.Recording.Encrypt)
	if err != nil {
		return err
	}
	_, err = k.Reseal(ctx, roots, nil, ids...)
	return errors.Join(err, k.Close())
}

// recoveryIn reads the identities of a file.
func recoveryIn(name string) ([]age.Identity, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("recovery: %w", err)
	}
	defer f.Close() // only read
	ids, err := vault.ReadIdentities(f)
	if err != nil {
		return nil, fmt.Errorf("recovery: %s: %w", name, err)
	}
	return ids, nil
}

// NewRecovery makes an identity for the recovery of recordings in a new file and gives its recipient, for
// recording.encrypt.
func NewRecovery(file string) (string, error) { return vault.NewIdentity(file) }
