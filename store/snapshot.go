package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"modernc.org/sqlite"
)

// The names of what CopyRows makes.
const (
	RowsFile    = "hotline.db"
	SpoolFolder = "spool"
)

// stepPages is how many pages of the database are copied at a time, half a megabyte with pages of
// 4 KiB: between two steps wait is called.
const stepPages = 128

// CopyRows copies the rows of the data folder dir into the folder to, while a server may be writing
// them: the database as it is at one moment, and beside it, in a spool of its own, what of the
// server's spool that moment does not hold yet. Whoever opens the copy has every row that was
// written before CopyRows was called. wait is called after each step with how many bytes it was;
// its error ends the copy.
//
// The spool is read first: its entries are numbered and committed in their order, so a database
// of a later moment has what is not in the spool any more, and knows by its mark what it has. The
// database is read through one transaction (SQLite's backup, in WAL mode): writers do not wait for
// it, and what they write meanwhile is not in the copy. Only the WAL grows until it ends.
func CopyRows(ctx context.Context, dir, to string, wait func(bytes int) error) error {
	entries, err := readSpool(filepath.Join(dir, SpoolFolder))
	if err != nil {
		return fmt.Errorf("copy the rows: spool: %w", err)
	}
	applied, err := copyDatabase(ctx, filepath.Join(dir, RowsFile), filepath.Join(to, RowsFile), wait)
	if err != nil {
		return fmt.Errorf("copy the rows: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e entry) bool { return e.seq <= applied })
	if len(entries) == 0 {
		return nil
	}
	var b []byte
	for _, e := range entries {
		b = append(b, formatEntry(e)...)
	}
	if err := os.MkdirAll(filepath.Join(to, SpoolFolder), 0o700); err != nil {
		return fmt.Errorf("copy the rows: spool: %w", err)
	}
	name := filepath.Join(to, SpoolFolder, fmt.Sprintf("%020d.log", entries[0].seq))
	if err := os.WriteFile(name, b, 0o600); err != nil {
		return fmt.Errorf("copy the rows: spool: %w", err)
	}
	return nil
}

// IsSegment reports whether a file of a spool is one of those that CopyRows reads.
func IsSegment(name string) bool {
	_, ok := segmentName(name)
	return ok
}

// readSpool reads the whole lines of a spool that somebody else may be writing.
func readSpool(dir string) (entries []entry, err error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	for _, n := range names {
		if !IsSegment(n.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, n.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // committed meanwhile
		} else if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(b) {
			if e, err := parseEntry(line); err == nil {
				entries = append(entries, e)
			}
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
	return entries, nil
}

// copyDatabase copies a database page by page, and returns how far the spool is applied in it.
func copyDatabase(ctx context.Context, from, to string, wait func(bytes int) error) (applied uint64, err error) {
	if _, err := os.Stat(from); err != nil {
		return 0, err
	}
	if err := makePrivate(to); err != nil {
		return 0, err
	}
	db, err := openSQL(from, "busy_timeout(10000)", "query_only(1)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// The transaction holds the moment: without it a commit between two steps would begin the
	// copy anew.
	if _, err := conn.ExecContext(ctx, `BEGIN DEFERRED`); err != nil {
		return 0, err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`) // nothing was written
	if err := conn.QueryRowContext(ctx, `SELECT value FROM marks WHERE name = 'spool'`).Scan(&applied); err != nil {
		return 0, fmt.Errorf("read the mark: %w", err)
	}
	var page int
	if err := conn.QueryRowContext(ctx, `PRAGMA page_size`).Scan(&page); err != nil {
		return 0, err
	}
	err = conn.Raw(func(c any) error { return copyPages(ctx, c, to, page, wait) })
	return applied, err
}

// copyPages runs SQLite's backup on a connection of modernc.org/sqlite.
func copyPages(ctx context.Context, conn any, to string, page int, wait func(bytes int) error) (err error) {
	source, ok := conn.(interface {
		NewBackup(uri string) (*sqlite.Backup, error)
	})
	if !ok {
		return fmt.Errorf("the driver's connection, a %T, makes no backups", conn)
	}
	abs, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	b, err := source.NewBackup((&url.URL{Scheme: "file", Path: abs}).String())
	if err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	defer func() { err = errors.Join(err, b.Finish()) }()
	for {
		more, err := b.Step(stepPages)
		if err != nil {
			return fmt.Errorf("%s: %w", to, err)
		}
		if !more {
			return nil
		}
		if err := errors.Join(wait(stepPages*page), ctx.Err()); err != nil {
			return err
		}
	}
}
