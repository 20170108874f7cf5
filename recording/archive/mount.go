package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"hotline/recording/durable"
)

// A mount is what is remembered of a folder that is a place: recordings/away/HASH.mount.
type mount struct {
	Path string `json:"path"`
	Mark string `json:"mark"` // what stands in the folder's own mark
}

// mountExt is behind the first digits of the SHA-256 of the folder's path.
const mountExt = ".mount"

// OpenFolder makes a place of the folder at a path, for the recordings in dir, which remembers its
// mark. It does not look at the folder: the error is that of dir.
func OpenFolder(dir, folder string) (Located, error) {
	name := path.Join(marksFolder, hexSum([]byte(folder))[:16]+mountExt)
	var m mount
	b, err := os.ReadFile(path.Join(dir, name))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Located{}, fmt.Errorf("archive %s: %w", folder, err)
	}
	remember := func(mark string) error {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		defer root.Close() // all is synced before
		b, err := json.Marshal(mount{folder, mark})
		if err != nil {
			return err
		}
		if err := makeMarks(root); err != nil {
			return err
		}
		return durable.Replace(root, name, append(b, '\n'), fileMode)
	}
	return Located{Place: NewFolder(folder, m.Mark, remember), Name: "dir", Where: "file://" + folder}, nil
}

// makeMarks makes the folder of what we remember.
func makeMarks(root *os.Root) error {
	err := root.Mkdir(marksFolder, folderMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	return durable.SyncFolder(root, ".")
}

// OpenS3 makes a place of S3-compatible storage, as NewS3.
func OpenS3(o S3Options) (Located, error) {
	p, err := NewS3(o)
	if err != nil {
		return Located{}, err
	}
	return Located{Place: p, Name: "s3", Where: o.Where()}, nil
}
