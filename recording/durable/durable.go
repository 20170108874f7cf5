// Package durable writes files so that a power cut leaves them whole or not at all: bytes are put on the
// disk before the name, and a name by syncing its folder.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path"
)

// TempExt is what the names of files end with that are being written. What has it after a crash is nobody's.
const TempExt = ".tmp"

// Write writes a file whose bytes are on the disk when it returns nil. Its name may not be.
func Write(root *os.Root, name string, b []byte, mode os.FileMode) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Replace writes a file whole or not at all, and puts its name on the disk.
func Replace(root *os.Root, name string, b []byte, mode os.FileMode) error {
	if err := Write(root, name+TempExt, b, mode); err != nil {
		return err
	}
	if err := root.Rename(name+TempExt, name); err != nil {
		return err
	}
	return SyncFolder(root, path.Dir(name))
}

// SyncFolder puts the entries of a folder on the disk.
func SyncFolder(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer f.Close() // only read
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}

// SyncFolders does so with a folder and all above it, up to root: they may be as new.
func SyncFolders(root *os.Root, dir string) error {
	for {
		if err := SyncFolder(root, dir); err != nil || dir == "." {
			return err
		}
		dir = path.Dir(dir)
	}
}
