package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// groupTime is how long the committer waits for company after the first entry of a group:
	// ten syncs a second at most, and half a second of the promised one left for the disk.
	groupTime = 100 * time.Millisecond

	// groupSize is the most entries of one transaction: a few milliseconds of work.
	groupSize = 1000

	// retryTime is the pause after a commit that failed. With the 400 ms that SQLite waits for
	// a lock, the spool is synced within a second meanwhile.
	retryTime = 300 * time.Millisecond

	// unhealthyAfter is how long commits may fail until Healthy says so: a backup or a
	// checkpoint is no reason to refuse calls.
	unhealthyAfter = 5 * time.Second

	// closeTime bounds the last commit at Close.
	closeTime = 2 * time.Second

	// flushTime bounds how long a query waits for what its callers wrote just before.
	flushTime = 3 * time.Second
)

// commitLoop is the committer: it alone reads the spool and writes what calls write.
func (s *Store) commitLoop() {
	defer close(s.done)
	var retry <-chan time.Time
	tidy := time.NewTicker(floorPrune)
	defer tidy.Stop()
	for {
		select {
		case <-s.stop:
			s.lastCommit()
			return
		case <-s.kick:
		case <-retry:
		case <-tidy.C:
			s.tidy(tidy)
			continue
		case <-s.wake:
			select {
			case <-time.After(groupTime):
			case <-s.kick:
			case <-s.stop:
				s.lastCommit()
				return
			}
		}
		retry = nil
		if !s.commitAndTell() {
			retry = time.After(retryTime)
		}
	}
}

// tidy removes a few old rows, and comes back soon where there are more.
func (s *Store) tidy(again *time.Ticker) {
	more, err := s.prune(context.Background())
	if err != nil && !busy(err) {
		s.log.Error("old rows of the floor's journal were not removed", zap.Error(err))
	}
	if more {
		again.Reset(groupTime)
	} else {
		again.Reset(floorPrune)
	}
}

func (s *Store) lastCommit() {
	for end := time.Now().Add(closeTime); !s.commitAndTell() && time.Now().Before(end); {
		time.Sleep(retryTime / 3)
	}
}

// commitAndTell commits all there is and tells whoever waits. It returns whether it worked.
func (s *Store) commitAndTell() bool {
	s.spool.retryHeld()
	_, err := s.commitAll()
	if err == nil {
		err = s.spool.closeOld()
	} else {
		s.metrics.failed.Inc()
		err = errors.Join(err, s.spool.sync()) // SQL does not sync it, so we do
	}
	held, _, _ := s.spool.health()
	s.metrics.pending.Set(float64(s.spool.newest() - s.applied.Load()))

	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.committed)
	s.committed = make(chan struct{})
	switch {
	case err == nil && !s.failingSince.IsZero():
		s.log.Info("the database takes rows again", zap.Duration("took", time.Since(s.failingSince)))
		s.failingSince = time.Time{}
	case err != nil && s.failingSince.IsZero():
		s.log.Error("the database takes no rows, the spool keeps them", zap.Error(err))
		s.failingSince = time.Now()
	}
	s.failure = err
	return err == nil && held == 0
}

// commitAll applies the spool from the committer's place to its end, and returns how many
// entries that were.
func (s *Store) commitAll() (total int, err error) {
	target := s.spool.newest()
	for {
		group, bad, next, err := s.spool.read(s.read, groupSize)
		if err != nil {
			return total, fmt.Errorf("read the spool: %w", err)
		}
		if next == s.read {
			break
		}
		n, refused, err := s.commitGroup(group)
		if err != nil {
			return total, err
		}
		total += n
		s.setAside(append(bad, refused...))
		s.read = next
		if len(group) > 0 {
			s.applied.Store(max(s.applied.Load(), group[len(group)-1].seq))
		}
	}
	if held, _, _ := s.spool.health(); held == 0 {
		// Also past entries that turned out to be none: nobody shall wait for them.
		s.applied.Store(max(s.applied.Load(), target))
	}
	if err := s.spool.drop(s.read); err != nil {
		return total, fmt.Errorf("drop the applied spool: %w", err)
	}
	return total, nil
}

// commitGroup applies a group in one transaction, together with the mark of how far it goes.
// It returns how many entries were new, and those that SQL will never take.
func (s *Store) commitGroup(group []entry) (n int, refused [][]byte, err error) {
	if len(group) == 0 {
		return 0, nil, nil
	}
	began := time.Now()
	ctx := context.Background()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	var applied uint64
	if err := tx.QueryRowContext(ctx, `SELECT value FROM marks WHERE name = 'spool'`).Scan(&applied); err != nil {
		return 0, nil, fmt.Errorf("read the mark: %w", err)
	}
	for _, e := range group {
		if e.seq <= applied {
			continue // an earlier process committed it and died before it could drop it
		}
		if err := s.apply(ctx, tx, e); err != nil {
			if !hopeless(err) {
				return 0, nil, fmt.Errorf("apply %s: %w", e.kind, err)
			}
			s.log.Error("an entry of the spool cannot be applied", zap.String("kind", e.kind), zap.Error(err))
			refused = append(refused, formatEntry(e))
		}
		applied = e.seq
		n++
	}
	if _, err := tx.ExecContext(ctx, `UPDATE marks SET value = ? WHERE name = 'spool'`, int64(applied)); err != nil {
		return 0, nil, fmt.Errorf("write the mark: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return 0, nil, fmt.Errorf("commit: %w", err)
	}
	s.metrics.commit.Observe(time.Since(began).Seconds())
	return n, refused, nil
}

// errMalformed says that an entry was written by somebody else than we think.
var errMalformed = errors.New("malformed entry")

// hopeless reports whether an entry would fail the same way for ever. It must not stop the
// entries behind it.
func hopeless(err error) bool {
	if errors.Is(err, errMalformed) {
		return true
	}
	switch sqlCode(err) {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE:
		return true
	}
	return false
}

// sqlCode is SQLite's primary result code, 0 where err is not from SQLite.
func sqlCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// setAside keeps lines that could not be applied, for whoever investigates.
func (s *Store) setAside(lines [][]byte) {
	if len(lines) == 0 {
		return
	}
	s.metrics.rejected.Add(float64(len(lines)))
	s.log.Error("lines of the spool were set aside in rejected.log", zap.Int("lines", len(lines)))
	f, err := os.OpenFile(filepath.Join(s.spool.dir, "rejected.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		_, err = f.Write(bytes.Join(lines, nil))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		s.log.Error("rejected.log cannot be written", zap.Error(err))
	}
}

// Flush returns when everything written before it was called is committed and synced. Where
// that takes longer than ctx, the error says what the database last complained of.
func (s *Store) Flush(ctx context.Context) error {
	target := s.spool.newest()
	for {
		s.mu.Lock()
		committed, failure := s.committed, s.failure
		s.mu.Unlock()
		if s.applied.Load() >= target {
			return nil
		}
		select {
		case s.kick <- struct{}{}:
		default:
		}
		select {
		case <-committed:
		case <-s.done:
			if s.applied.Load() >= target {
				return nil
			}
			return errClosed
		case <-ctx.Done():
			return fmt.Errorf("flush the spool: %w", errors.Join(ctx.Err(), failure))
		}
	}
}

// fresh makes a query see what was written before it.
func (s *Store) fresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	return s.Flush(ctx)
}

// Healthy is nil while the store keeps what it is given. Otherwise the error says what is
// wrong: the disk takes nothing, or the database has taken nothing for five seconds.
func (s *Store) Healthy() error {
	held, dropped, err := s.spool.health()
	if err != nil {
		return fmt.Errorf("the disk takes nothing, %d entries wait in memory, %d are lost: %w", held, dropped, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if since := s.failingSince; !since.IsZero() && time.Since(since) >= unhealthyAfter {
		return fmt.Errorf("the database has taken nothing since %s: %w", since.UTC().Format(time.RFC3339), s.failure)
	}
	return nil
}

// write runs f in a transaction of its own and waits for its turn as long as ctx allows.
func (s *Store) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	for {
		err := s.writeOnce(ctx, f)
		if !busy(err) || ctx.Err() != nil {
			return err
		}
	}
}

// busy reports whether somebody else had the database locked. Whoever tries again needs no
// pause: SQLite has waited 400 ms already.
func busy(err error) bool {
	c := sqlCode(err)
	return c == sqlite3.SQLITE_BUSY || c == sqlite3.SQLITE_LOCKED
}

func (s *Store) writeOnce(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}
