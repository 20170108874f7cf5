package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"hotline/recording/durable"
)

// Erase destroys a key: it is overwritten, put on the disk, taken out of its folder, and that put on
// the disk. A key that is gone already is no error, so that an erasure that was interrupted can be
// done again. What the disk or a backup kept of older versions opens only with the epochs and
// recovery identities of then; Retire is for that.
func Erase(root *os.Root, name string) error { return EraseBy(root, name, func() {}) }

// EraseBy is Erase that says when the key is overwritten and not taken away yet.
func EraseBy(root *os.Root, name string, overwritten func()) error {
	err := erase(root, name, overwritten)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = durable.SyncFolder(root, path.Dir(name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // nor is one whose folder is gone
		return fmt.Errorf("erase %s: %w", name, err)
	}
	return nil
}

func erase(root *os.Root, name string, overwritten func()) (err error) {
	f, err := openLocked(root, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }() // gives the lock back
	st, err := f.Stat()
	if err != nil {
		return err
	}
	noise := make([]byte, st.Size())
	rand.Read(noise) // never fails
	if _, err := f.WriteAt(noise, 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	overwritten()
	return root.Remove(name)
}
