package vault

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"hotline/call"
	"hotline/recording/durable"
)

// epochExt is the ending of an epoch's file.
const epochExt = ".key"

// A Keyring seals and opens the keys of recordings. Its epochs are files in a folder; any number of
// processes may use it at a time. Its methods may be called from any goroutine.
type Keyring struct {
	root     *os.Root
	recovery []string // recipients, sorted
	sealsFor []age.Recipient

	mu      sync.Mutex
	current string // id of the newest epoch
	public  age.Recipient
}

// OpenKeyring opens the keyring in a folder, which is made, with a first epoch, where it is not
// there. Recovery are the recipients that all keys are sealed for too ("age1…"); theirs are the
// identities that lie outside of the machine.
func OpenKeyring(dir string, recovery []string) (*Keyring, error) {
	k := &Keyring{recovery: slices.Compact(slices.Sorted(slices.Values(recovery)))}
	for _, s := range k.recovery {
		r, err := ParseRecipient(s)
		if err != nil {
			return nil, fmt.Errorf("keys of recordings: %w", err)
		}
		k.sealsFor = append(k.sealsFor, r)
	}
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("keys of recordings: %w", err)
	}
	var err error
	if k.root, err = os.OpenRoot(dir); err != nil {
		return nil, fmt.Errorf("keys of recordings: %w", err)
	}
	if err := k.Refresh(); errors.Is(err, errNoEpoch) {
		_, err = k.NewEpoch()
		if err != nil {
			return nil, errors.Join(err, k.Close())
		}
	} else if err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// Close lets go of the folder.
func (k *Keyring) Close() error { return k.root.Close() }

var errNoEpoch = errors.New("the folder holds no epoch (NUMBER-HEX.key)")

// Epochs are the ids of all epochs, oldest first.
func (k *Keyring) Epochs() ([]string, error) {
	entries, err := fs.ReadDir(k.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("keys of recordings: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), epochExt); ok && epochNumber(id) > 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(epochNumber(a), epochNumber(b)), strings.Compare(a, b))
	})
	return ids, nil
}

// epochNumber is the number an epoch's id begins with; 0 for what is not one.
func epochNumber(id string) int {
	number, rest, ok := strings.Cut(id, "-")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || len(rest) != 8 || n < 1 {
		return 0
	}
	return n
}

// Current is the id of the epoch for which keys are sealed.
func (k *Keyring) Current() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current
}

// Refresh looks for an epoch that another process has made, and seals for it from now on. Who keeps
// a keyring calls it every few seconds: RefreshEvery at the latest.
func (k *Keyring) Refresh() error {
	ids, err := k.Epochs()
	switch {
	case err != nil:
		return err
	case len(ids) == 0:
		return fmt.Errorf("keys of recordings: %w", errNoEpoch)
	}
	newest := ids[len(ids)-1]
	if k.Current() == newest {
		return nil
	}
	id, err := k.identity(newest)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current, k.public = newest, id.Recipient()
	return nil
}

// RefreshEvery is how old what a Keyring knows may become.
const RefreshEvery = 10 * time.Second

// identity reads one epoch.
func (k *Keyring) identity(epoch string) (*age.X25519Identity, error) {
	b, err := k.root.ReadFile(epoch + epochExt)
	if err != nil {
		return nil, fmt.Errorf("epoch %s: %w", epoch, err)
	}
	ids, err := ReadIdentities(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("epoch %s: %w", epoch, err)
	}
	id, ok := ids[0].(*age.X25519Identity)
	if !ok || len(ids) != 1 {
		return nil, fmt.Errorf("epoch %s: the file must hold one identity, of X25519 (AGE-SECRET-KEY-1…)", epoch)
	}
	if epochID(epochNumber(epoch), id) != epoch {
		return nil, fmt.Errorf("epoch %s: the file holds another identity than its name says", epoch)
	}
	return id, nil
}

// epochID is the name of an epoch: its number, and eight digits that tell its identity.
func epochID(number int, id *age.X25519Identity) string {
	sum := sha256.Sum256([]byte(id.Recipient().String()))
	return fmt.Sprintf("%06d-%s", number, hex.EncodeToString(sum[:4]))
}

// NewEpoch makes a new epoch, which is the current one from now on. It is on the disk before
// anything is sealed for it.
func (k *Keyring) NewEpoch() (string, error) {
	ids, err := k.Epochs()
	if err != nil {
		return "", err
	}
	number := 1
	if len(ids) > 0 {
		number += epochNumber(ids[len(ids)-1])
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", fmt.Errorf("new epoch: %w", err)
	}
	// Under its name only when it is whole: another process may look at any moment.
	name := epochID(number, id)
	temp := name + durable.TempExt
	if err := writeNew(k.root, temp, identityText(id, time.Now())); err != nil {
		return "", fmt.Errorf("new epoch: %w", err)
	}
	if err := k.root.Rename(temp, name+epochExt); err != nil {
		return "", fmt.Errorf("new epoch: %w", errors.Join(err, k.root.Remove(temp)))
	}
	if err := durable.SyncFolder(k.root, "."); err != nil {
		return "", fmt.Errorf("new epoch: %w", err)
	}
	return name, k.Refresh()
}

// Wrap seals the key of a call's recording for the current epoch, whose id it returns, and for every
// recovery recipient. The result is the content of CALL.key, an age file. Nothing is read or written.
func (k *Keyring) Wrap(id call.ID, key Key) (sealed []byte, epoch string, err error) {
	k.mu.Lock()
	epoch, public := k.current, k.public
	k.mu.Unlock()
	plain, err := json.Marshal(Secret{Version: version, Call: id, Key: key, Epoch: epoch, Recovery: k.recovery})
	if err != nil {
		return nil, "", fmt.Errorf("seal the key of %s: %w", id, err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, append([]age.Recipient{public}, k.sealsFor...)...)
	if err == nil {
		if _, err = w.Write(plain); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("seal the key of %s: %w", id, err)
	}
	return out.Bytes(), epoch, nil
}

// Unwrap opens the content of a CALL.key with the epochs of the folder.
func (k *Keyring) Unwrap(sealed []byte) (Secret, error) {
	ids, err := k.identities()
	if err != nil {
		return Secret{}, err
	}
	return Unwrap(sealed, ids...)
}

// identities are those of all epochs, newest first.
func (k *Keyring) identities() ([]age.Identity, error) {
	epochs, err := k.Epochs()
	if err != nil {
		return nil, err
	}
	var ids []age.Identity
	for _, e := range slices.Backward(epochs) {
		id, err := k.identity(e)
		switch {
		case err == nil:
			ids = append(ids, id)
		case !errors.Is(err, fs.ErrNotExist): // retired meanwhile
			return nil, err
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("keys of recordings: %w", errNoEpoch)
	}
	return ids, nil
}
