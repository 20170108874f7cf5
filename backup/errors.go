package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// explained adds what would be right to the errors that people can do something about.
func explained(err error, where string) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: %s is full: make room there or name a folder on a larger disk, and run it again: it goes on where it was", err, where)
	case errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: the quota on %s is used up: raise it or name another folder, and run it again", err, where)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: %s cannot be written: mount it read-write or name another folder", err, where)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run it as root, or as the user whom the data folder and %s belong to", err, where)
	}
	return err
}
