package chain

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"hotline/recording/durable"
)

// maxLine is the longest line of a log.
const maxLine = 1 << 20

// A Log is a chain in one file that only grows, a link a line. Its methods may be called from any goroutine.
type Log struct {
	key *Key

	mu   sync.Mutex
	file *os.File
	size int64
	last Link
	err  error // of a write that may have left half a line
}

// OpenLog opens the log at path, and makes it and its folder (0700) where they are missing. What a process that
// died left of a last line goes: nobody was told that it stands. A log whose last whole line is not a link of the
// chain is not gone on with.
func OpenLog(path string, k *Key) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &Log{key: k, file: f}
	if err := errors.Join(l.resume(), syncDir(filepath.Dir(path))); err != nil {
		return nil, fmt.Errorf("open log %s: %w", filepath.Base(path), errors.Join(err, f.Close()))
	}
	return l, nil
}

func syncDir(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() // only synced
	return durable.SyncFolder(root, ".")
}

// resume finds the last link.
func (l *Log) resume() error {
	line, end, err := lastLine(l.file)
	if err != nil {
		return err
	}
	l.size = end
	if err := l.file.Truncate(end); err != nil {
		return err
	}
	if line == nil {
		return nil
	}
	_, l.last, err = split(line)
	if err != nil || l.last.Seq < 1 {
		return errors.New("its last line is no link; hotline recording access verify says where it breaks")
	}
	return nil
}

// lastLine is the last line that ends with a line feed, and where the one after it begins; nil: there is none.
func lastLine(f *os.File) (line []byte, end int64, err error) {
	st, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	begin := max(0, st.Size()-maxLine)
	tail := make([]byte, st.Size()-begin)
	if _, err := f.ReadAt(tail, begin); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	n := bytes.LastIndexByte(tail, '\n') + 1
	if n == 0 {
		return nil, begin, nil
	}
	return tail[bytes.LastIndexByte(tail[:n-1], '\n')+1 : n], begin + int64(n), nil
}

// Append adds an entry, in which link is embedded as the last field. When it returns nil, the entry is on the
// disk. When it returns an error it does not count, and what must not happen without it must not happen.
func (l *Log) Append(entry any, link *Link) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		if l.err = l.file.Truncate(l.size); l.err != nil {
			return fmt.Errorf("log: %w", l.err)
		}
	}
	link.Seq, link.Previous = l.last.Seq+1, l.last.Digest
	line, err := l.key.Seal(entry, link)
	if err != nil {
		return err
	}
	if len(line) > maxLine {
		return fmt.Errorf("log: the entry has %d bytes, at most %d fit", len(line), maxLine)
	}
	if _, err = l.file.WriteAt(line, l.size); err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		l.err = err
		return fmt.Errorf("log: %w", err)
	}
	l.size += int64(len(line))
	l.last = *link
	return nil
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// VerifyLog reads a log and checks every line by itself and against the one before. n is how many lines are
// good; err names the first that is not. Half a line at the end is none: its writer died over it.
func VerifyLog(r io.Reader, keys ...ed25519.PublicKey) (n int, err error) {
	check := newChecker(keys)
	var last Link
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("log: %w", err)
		}
		l, err := check.open(line)
		if err == nil {
			err = follows(last, l)
		}
		if err != nil {
			return n, fmt.Errorf("line %d: %w", n+1, err)
		}
		last = l
		n++
	}
}

// follows says why a link is not the one after last, or nil.
func follows(last, l Link) error {
	switch {
	case l.Seq != last.Seq+1:
		return fmt.Errorf("it is link %d where link %d belongs", l.Seq, last.Seq+1)
	case l.Previous != last.Digest:
		return errors.New("it does not follow the link before it: one of the two was exchanged, left out or put in")
	}
	return nil
}
