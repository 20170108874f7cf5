package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"
)

const (
	// block is how much is read at a time.
	block = 256 << 10

	// syncEvery is how much is written until the disk is to take it: a large file at its end
	// would hold up whoever else syncs.
	syncEvery = 8 << 20

	// partExt ends the name of a file that is being written.
	partExt = ".part"

	fileMode   = 0o600
	folderMode = 0o700
)

// A place is a file below a root.
type place struct {
	root *os.Root
	name string
}

// copyFile copies a regular file to another place, whole and synced, or leaves nothing there under
// its name; lines copies it only to its last whole line. What the source has more than it had when
// it was opened is not copied: it may be growing. fs.ErrNotExist says that the source is gone.
func copyFile(ctx context.Context, p *pace, from, to place, lines bool) (e Entry, err error) {
	source, err := from.root.Open(from.name)
	if err != nil {
		return e, err
	}
	defer source.Close() // only read
	info, err := source.Stat()
	if err != nil {
		return e, err
	}
	if !info.Mode().IsRegular() {
		return e, fmt.Errorf("%s is no file", from.name)
	}
	size := info.Size()
	if lines {
		if size, err = lastLine(source, size); err != nil {
			return e, err
		}
	}
	e = Entry{Mode: info.Mode().Perm(), Modified: info.ModTime().UTC()}
	if err := makeFolders(to.root, path.Dir(to.name)); err != nil {
		return e, err
	}
	part := to.name + partExt
	f, err := to.root.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return e, err
	}
	e.SHA256, e.Size, err = pour(ctx, p, f, io.NewSectionReader(source, 0, size))
	leaveCache(source)
	if err == nil {
		err = f.Sync()
	}
	leaveCache(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return e, errors.Join(err, to.root.Remove(part))
	}
	if err := finish(to, part, e); err != nil {
		return e, errors.Join(err, to.root.Remove(part))
	}
	p.file()
	return e, nil
}

// finish gives a file that has been written its mode, time and name.
func finish(to place, part string, e Entry) error {
	if err := to.root.Chmod(part, e.Mode); err != nil {
		return err
	}
	if err := to.root.Chtimes(part, time.Time{}, e.Modified); err != nil {
		return err
	}
	return to.root.Rename(part, to.name)
}

// pour copies bytes at the pace, and returns what they were.
func pour(ctx context.Context, p *pace, to *os.File, from io.Reader) (sum string, size int64, err error) {
	h := sha256.New()
	b := make([]byte, block)
	for dirty := 0; ; {
		n, err := from.Read(b)
		if n > 0 {
			h.Write(b[:n])
			size += int64(n)
			if to != nil {
				if _, err := to.Write(b[:n]); err != nil {
					return "", size, err
				}
				if dirty += n; dirty >= syncEvery {
					dirty = 0
					if err := to.Sync(); err != nil {
						return "", size, err
					}
				}
			}
			if err := p.took(ctx, n); err != nil {
				return "", size, err
			}
		}
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), size, nil
		} else if err != nil {
			return "", size, err
		}
	}
}

// lastLine is how long a file is up to the end of its last whole line.
func lastLine(f *os.File, size int64) (int64, error) {
	b := make([]byte, 4096)
	for size > 0 {
		n := min(size, int64(len(b)))
		if _, err := f.ReadAt(b[:n], size-n); err != nil {
			return 0, err
		}
		for i := n - 1; i >= 0; i-- {
			if b[i] == '\n' {
				return size - n + i + 1, nil
			}
		}
		size -= n
	}
	return 0, nil
}

// hashFile is the SHA-256 and size of a file, read from the disk where the kernel lets us.
func hashFile(ctx context.Context, p *pace, at place) (sum string, size int64, err error) {
	f, err := at.root.Open(at.name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close() // only read
	leaveCache(f)
	sum, size, err = pour(ctx, p, nil, f)
	leaveCache(f)
	return sum, size, err
}
