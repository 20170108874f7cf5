package recording

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// datasync is fdatasync(2). It keeps the file from being closed under it.
func datasync(f *os.File) error {
	c, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("fdatasync: %w", err)
	}
	var failed error
	open := false
	err = c.Control(func(fd uintptr) {
		open = true
		for {
			if failed = unix.Fdatasync(int(fd)); failed != unix.EINTR {
				return
			}
		}
	})
	switch {
	case err == nil:
		err = failed
	case !open:
		// Sealed and closed in the same moment. Control has no name for it that others know.
		err = fmt.Errorf("%w: %w", fs.ErrClosed, err)
	}
	if err != nil {
		return fmt.Errorf("fdatasync: %w", err)
	}
	return nil
}

// room is how many bytes the file system of dir still takes, and how many it has in all.
func room(dir string) (free, size uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, fmt.Errorf("statfs: %w", err)
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), nil
}
