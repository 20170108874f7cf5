//go:build unix

package vault

import (
	"fmt"
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

// ownAs gives a new file to whom another belongs: root, who rotates, must not keep the server from its keys.
func ownAs(f *os.File, root *os.Root, name string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	st, err := root.Stat(name)
	if err != nil {
		return err
	}
	of, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if err := f.Chown(int(of.Uid), int(of.Gid)); err != nil {
		return fmt.Errorf("give the file to its folder's owner: %w", err)
	}
	return nil
}
