package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// makeFolders makes a folder and those above it, for their owner alone.
func makeFolders(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	if err := root.MkdirAll(dir, folderMode); err != nil {
		return fmt.Errorf("make folder %s: %w", dir, err)
	}
	return nil
}

// syncFolder makes the names in a folder survive a power cut.
func syncFolder(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncFolders does it for a folder and all below it.
func syncFolders(root *os.Root, dir string) error {
	return fs.WalkDir(root.FS(), dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil || !d.IsDir():
			return err
		}
		return syncFolder(root, p)
	})
}

// writeFile writes a small file that is on the disk, under its name, when it returns.
func writeFile(root *os.Root, name string, b []byte) error {
	part := name + partExt
	f, err := root.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, root.Remove(part))
	}
	if err := root.Rename(part, name); err != nil {
		return err
	}
	return syncFolder(root, path.Dir(name))
}
