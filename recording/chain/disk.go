package chain

import (
	"errors"
	"fmt"
	"os"
	"path"
)

const tempExt = ".tmp"

// replace writes a file whole or not at all; when it returns, it is on the disk under its name.
func replace(root *os.Root, name string, b []byte, mode os.FileMode) error {
	if err := prepare(root, name, b, mode); err != nil {
		return err
	}
	if err := root.Rename(name+tempExt, name); err != nil {
		return err
	}
	return syncFolder(root, path.Dir(name))
}

// prepare writes the file under its temporary name.
func prepare(root *os.Root, name string, b []byte, mode os.FileMode) error {
	f, err := root.OpenFile(name+tempExt, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncFolder(root *os.Root, dir string) error {
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
