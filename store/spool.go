package store

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	// segmentSize is when the spool goes on in a new file. Small enough that a file is
	// deleted soon after its commit, large enough that an hour without SQL makes few.
	segmentSize = 4 << 20

	// idleSegment is when a file whose entries are all committed is replaced by an empty one.
	idleSegment = 256 << 10

	// maxHeld bounds what is kept in memory while the disk takes nothing: about ten minutes
	// of a busy hotline, some megabytes.
	maxHeld = 20_000
)

// An entry is one line of the spool: `seq crc kind json`. The checksum is over the rest of the
// line, so that a line half written, or half lost with the power, is known as such.
type entry struct {
	seq  uint64
	kind string
	body []byte
}

// A segment is one file of the spool. Its name is a number that grows from file to file; where
// nothing went wrong it is that of its first entry.
type segment struct {
	first uint64
	path  string
	size  int64
}

// A spool is the append-only log in front of SQL. Its segments stand oldest first; the last
// one is being written.
type spool struct {
	dir string

	mu       sync.Mutex
	f        *os.File
	old      []*os.File // full, to be synced and closed by sync: appends wait for no disk
	segments []segment
	lastName uint64  // of the newest segment ever made; no name is used twice
	next     uint64  // number of the next entry
	held     []entry // not written: the disk took nothing; older than all entries to come
	dropped  uint64  // entries lost because held was full
	broken   bool    // the current file is not to be trusted: half a line that could not be cut off, a failed sync
	writeErr error   // of the last append, nil when it worked
	dirty    bool    // written since the last sync
	newName  bool    // a file made since the last sync
	closed   bool
}

// A cursor is a place in the spool up to which it has been read.
type cursor struct {
	first  uint64 // of the segment
	offset int64
}

// openSpool reads what an earlier process left in dir. floor is the highest number that SQL
// has seen: new entries get higher ones.
func openSpool(dir string, floor uint64) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	sp := &spool{dir: dir, next: floor + 1}
	for _, n := range names {
		first, ok := segmentName(n.Name())
		if !ok {
			continue
		}
		path := filepath.Join(dir, n.Name())
		size, last, err := scanSegment(path)
		if err != nil {
			return nil, err
		}
		sp.segments = append(sp.segments, segment{first: first, path: path, size: size})
		sp.next = max(sp.next, last+1)
		sp.lastName = max(sp.lastName, first)
	}
	slices.SortFunc(sp.segments, func(a, b segment) int { return strings.Compare(a.path, b.path) })
	return sp, sp.rotate()
}

func segmentName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, ".log")
	if !ok || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil
}

// scanSegment returns the length of the whole lines of a file, and the highest entry number in
// it. A last line without its end was being written when the process died: nobody was told
// that it had been, and it is cut off.
func scanSegment(path string) (size int64, last uint64, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	whole := bytes.LastIndexByte(b, '\n') + 1
	if whole < len(b) {
		if err := os.Truncate(path, int64(whole)); err != nil {
			return 0, 0, err
		}
	}
	for line := range bytes.Lines(b[:whole]) {
		if e, err := parseEntry(line); err == nil {
			last = max(last, e.seq)
		}
	}
	return int64(whole), last, nil
}

// rotate goes on in a new file. The caller holds mu, or nobody else knows sp yet.
func (sp *spool) rotate() error {
	name := max(sp.next, sp.lastName+1)
	path := filepath.Join(sp.dir, fmt.Sprintf("%020d.log", name))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if sp.f != nil {
		sp.old = append(sp.old, sp.f)
	}
	sp.f, sp.broken, sp.newName, sp.lastName = f, false, true, name
	sp.segments = append(sp.segments, segment{first: name, path: path})
	return nil
}

// append writes one entry. An error says that the disk did not take it; it is then held in
// memory, in order, and written as soon as the disk takes entries again.
func (sp *spool) append(kind string, body []byte) error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.closed {
		return errClosed
	}
	e := entry{seq: sp.next, kind: kind, body: body}
	if len(sp.held) == 0 {
		if sp.writeErr = sp.write(e); sp.writeErr == nil {
			sp.next++
			return nil
		}
	}
	if len(sp.held) >= maxHeld {
		sp.dropped++
		return fmt.Errorf("the spool takes nothing and memory for it is full, entry lost: %w", sp.writeErr)
	}
	sp.next++
	sp.held = append(sp.held, e)
	return fmt.Errorf("write to the spool, entry held in memory: %w", sp.writeErr)
}

// retryHeld writes what could not be written before.
func (sp *spool) retryHeld() {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	for len(sp.held) > 0 {
		if sp.writeErr = sp.write(sp.held[0]); sp.writeErr != nil {
			return
		}
		sp.held = sp.held[1:]
	}
	sp.held = nil
}

// write puts one line into the current file, whole or not at all. The caller holds mu.
func (sp *spool) write(e entry) error {
	cur := &sp.segments[len(sp.segments)-1]
	if cur.size >= segmentSize || sp.broken {
		if err := sp.rotate(); err != nil {
			return err
		}
		cur = &sp.segments[len(sp.segments)-1]
	}
	line := formatEntry(e)
	if n, err := sp.f.Write(line); err != nil {
		// Half a line must not become the beginning of the next one.
		if n > 0 && sp.f.Truncate(cur.size) != nil {
			sp.broken = true
		}
		return err
	}
	cur.size += int64(len(line))
	sp.dirty = true
	return nil
}

// read returns up to limit entries from cur on, and the lines that are none, and where the
// next read begins. It sees only whole lines.
func (sp *spool) read(cur cursor, limit int) (got []entry, bad [][]byte, next cursor, err error) {
	sp.mu.Lock()
	segs := slices.Clone(sp.segments)
	sp.mu.Unlock()
	next = cur
	for _, seg := range segs {
		if seg.first < cur.first {
			continue
		}
		if seg.first > next.first {
			next = cursor{first: seg.first}
		}
		if next.offset >= seg.size {
			continue
		}
		b, err := readRange(seg.path, next.offset, seg.size)
		if err != nil {
			return nil, nil, cur, err
		}
		for line := range bytes.Lines(b) {
			if len(got) >= limit {
				return got, bad, next, nil
			}
			if e, err := parseEntry(line); err == nil {
				got = append(got, e)
			} else {
				bad = append(bad, bytes.Clone(line))
			}
			next.offset += int64(len(line))
		}
		if next.offset < seg.size {
			break // the rest of this file comes first
		}
	}
	return got, bad, next, nil
}

// readRange reads a file from one offset to another, at most a megabyte of whole lines at once
// (one longer line is read whole all the same).
func readRange(path string, from, to int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 1 << 20
	b := make([]byte, min(to-from, most))
	if _, err := io.ReadFull(io.NewSectionReader(f, from, to-from), b); err != nil {
		return nil, err
	}
	if end := bytes.LastIndexByte(b, '\n') + 1; end > 0 {
		return b[:end], nil
	}
	b = make([]byte, to-from)
	_, err = io.ReadFull(io.NewSectionReader(f, from, to-from), b)
	return b, err
}

// drop deletes the files that lie wholly before cur, and replaces the current one where it is
// wholly read and has grown.
func (sp *spool) drop(cur cursor) error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	last := sp.segments[len(sp.segments)-1]
	if last.first == cur.first && last.size == cur.offset && last.size >= idleSegment {
		if err := sp.rotate(); err != nil {
			return err
		}
	}
	var errs []error
	keep := sp.segments[:0]
	for i, seg := range sp.segments {
		read := seg.first < cur.first || seg.first == cur.first && cur.offset >= seg.size
		if i < len(sp.segments)-1 && read {
			if err := os.Remove(seg.path); err != nil && !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, err)
			}
			continue
		}
		keep = append(keep, seg)
	}
	sp.segments = keep
	return errors.Join(errs...)
}

// sync brings to the disk what has been written, for the time that SQL does not. Only the
// committer calls it. A failed sync is not tried again on that file, whose state nobody knows
// then: the spool goes on in another.
func (sp *spool) sync() error {
	sp.mu.Lock()
	old, f, dirty, newName := sp.old, sp.f, sp.dirty, sp.newName
	sp.old, sp.dirty, sp.newName = nil, false, false
	sp.mu.Unlock()
	// Outside the lock: appends do not wait for the disk.
	var errs []error
	for _, o := range old {
		errs = append(errs, o.Sync(), o.Close())
	}
	if dirty {
		errs = append(errs, f.Sync())
	}
	if newName {
		errs = append(errs, syncDir(sp.dir))
	}
	err := errors.Join(errs...)
	if err != nil {
		sp.mu.Lock()
		sp.broken, sp.writeErr = true, err
		sp.mu.Unlock()
	}
	return err
}

// closeOld closes the files that rotate left, for the time that SQL syncs what they hold.
func (sp *spool) closeOld() error {
	sp.mu.Lock()
	old := sp.old
	sp.old = nil
	sp.mu.Unlock()
	var errs []error
	for _, o := range old {
		errs = append(errs, o.Sync(), o.Close())
	}
	return errors.Join(errs...)
}

// newest is the number of the last entry given out.
func (sp *spool) newest() uint64 {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	return sp.next - 1
}

// health is the error of the last append (nil: it was written), how many entries wait in
// memory and how many were lost.
func (sp *spool) health() (held int, dropped uint64, err error) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	return len(sp.held), sp.dropped, sp.writeErr
}

// close ends the spool. Entries that are not committed stay in it for the next process.
func (sp *spool) close() error {
	err := sp.sync()
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.closed = true
	err = errors.Join(err, sp.f.Close())
	// Nothing left to apply: leave no empty file behind.
	if last := sp.segments[len(sp.segments)-1]; last.size == 0 {
		err = errors.Join(err, os.Remove(last.path))
	}
	return err
}

var errClosed = errors.New("the store is closed")

func formatEntry(e entry) []byte {
	rest := make([]byte, 0, len(e.kind)+len(e.body)+48)
	rest = strconv.AppendUint(rest, e.seq, 10)
	rest = append(rest, ' ')
	at := len(rest)
	rest = append(rest, "00000000 "...)
	rest = append(rest, e.kind...)
	rest = append(rest, ' ')
	rest = append(rest, e.body...)
	sum := crc32.ChecksumIEEE(rest[:at])
	sum = crc32.Update(sum, crc32.IEEETable, rest[at+9:])
	copy(rest[at:], fmt.Sprintf("%08x", sum))
	return append(rest, '\n')
}

var errEntry = errors.New("not an entry of the spool")

func parseEntry(line []byte) (entry, error) {
	line, ok := bytes.CutSuffix(line, []byte("\n"))
	if !ok {
		return entry{}, errEntry
	}
	parts := bytes.SplitN(line, []byte(" "), 4)
	if len(parts) != 4 || len(parts[1]) != 8 {
		return entry{}, errEntry
	}
	seq, err := strconv.ParseUint(string(parts[0]), 10, 63)
	if err != nil {
		return entry{}, errEntry
	}
	at := len(parts[0]) + 1
	sum := crc32.ChecksumIEEE(line[:at])
	sum = crc32.Update(sum, crc32.IEEETable, line[at+9:])
	if fmt.Sprintf("%08x", sum) != string(parts[1]) {
		return entry{}, errEntry
	}
	return entry{seq: seq, kind: string(parts[2]), body: bytes.Clone(parts[3])}, nil
}

// syncDir makes the names in a folder as durable as the files.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
