//go:build unix

package vault

import (
	"os"
	"syscall"
)

// lock waits until nobody else has the file locked. Closing it gives the lock back.
func lock(f *os.File) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			return err
		}
	}
}
