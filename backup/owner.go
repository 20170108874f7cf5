package backup

import (
	"io/fs"
	"os"
	"syscall"
)

// owner are the user and group that a folder belongs to; -1 where the system does not tell.
func owner(dir string) (uid, gid int) {
	info, err := os.Stat(dir)
	if err != nil {
		return -1, -1
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(st.Uid), int(st.Gid)
}

// give makes everything in a folder, and the folder, somebody's. Only root can.
func give(root *os.Root, uid, gid int) error {
	return fs.WalkDir(root.FS(), ".", func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(p, uid, gid)
	})
}
