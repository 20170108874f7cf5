package archive

import (
	"os"

	"golang.org/x/sys/unix"
)

// dropCache lets the kernel forget what it holds of a file that is synced, so that reading it back
// reads the disk. It is advice: where it is not taken, the memory is read.
func dropCache(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
