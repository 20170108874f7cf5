package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"hotline/recording/durable"
)

// KeyExt is the ending of the file with a recording's sealed key, SoundExt that of its sound.
const (
	KeyExt   = ".key"
	SoundExt = ".rec"
)

// fileMode and folderMode are for what only the server may read.
const (
	fileMode   = 0o600
	folderMode = 0o700
)

// keyMode is that of CALL.key: what it holds is sealed, and a backup may take it along.
const keyMode = 0o640

// writeNew writes a file that was not there and is on the disk when it returns.
func writeNew(root *os.Root, name string, b []byte) error {
	return write(root, name, ".", os.O_EXCL, fileMode, b)
}

// replace gives a file new content in one step.
func replace(root *os.Root, name string, b []byte) error {
	temp := name + durable.TempExt
	if err := write(root, temp, name, os.O_TRUNC, keyMode, b); err != nil {
		return err
	}
	if err := root.Rename(temp, name); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return nil
}

// write is durable.Write of a file that belongs to whom another belongs. What could not be written whole is taken
// away again.
func write(root *os.Root, name, like string, flag int, mode os.FileMode, b []byte) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|flag, mode)
	if err != nil {
		return err
	}
	err = ownAs(f, root, like)
	if err == nil {
		_, err = f.Write(b)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, root.Remove(name))
	}
	return nil
}

// openLocked opens a file that nobody else changes until it is closed, and that still has its name:
// Rewrap and Erase, in whatever process, come one after the other.
func openLocked(root *os.Root, name string) (*os.File, error) {
	for {
		f, err := root.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			return nil, errors.Join(fmt.Errorf("lock: %w", err), f.Close())
		}
		mine, err := f.Stat()
		if err == nil {
			var named fs.FileInfo
			if named, err = root.Lstat(name); err == nil && os.SameFile(mine, named) {
				return f, nil
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
}
