package backup

import (
	"os"

	"golang.org/x/sys/unix"
)

// leaveCache asks the kernel to drop a file's pages: what is read next comes from the disk, and what
// the server needs stays in memory.
func leaveCache(f *os.File) {
	c, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = c.Control(func(fd uintptr) { _ = unix.Fadvise(int(fd), 0, 0, unix.FADV_DONTNEED) }) // advice
}

// room is how many bytes the file system of dir still takes; false where it does not tell.
func room(dir string) (free int64, ok bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * s.Bsize, true
}
