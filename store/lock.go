package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A FolderLock says that this process alone may write in a data folder. The kernel drops it
// when the process dies, whatever it dies of.
type FolderLock struct {
	f *os.File
}

// A LockedError says that another process has the data folder.
type LockedError struct {
	PID int // 0 where the other process has not written it yet
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return "the data folder is in use by another hotline"
	}
	return fmt.Sprintf("the data folder is in use by another hotline, pid %d", e.PID)
}

// Lock takes dir/lock, making dir where it is missing. It does not wait: where another process
// has the lock, the error is a *LockedError.
func Lock(dir string) (*FolderLock, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &LockedError{PID: readPID(f)}
		}
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	// The pid is for people and for the message above; the lock itself does not need it.
	err = errors.Join(f.Truncate(0), writeAt0(f, strconv.Itoa(os.Getpid())+"\n"))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("write the pid into the lock: %w", err)
	}
	return &FolderLock{f: f}, nil
}

// Unlock gives the folder free. The file stays: removing it would let two processes lock two
// files of the same name.
func (l *FolderLock) Unlock() error { return l.f.Close() }

func writeAt0(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

func readPID(f *os.File) int {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}
