package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"modernc.org/sqlite"

	"hotline/call"
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

// Schema is the newest schema that this release knows.
func Schema() int64 {
	names, err := fs.Glob(migrations, "migrations/sqlite/*.sql")
	if err != nil || len(names) == 0 {
		return 0 // cannot be: they are part of the program
	}
	digits, _, _ := strings.Cut(filepath.Base(names[len(names)-1]), "_")
	version, _ := strconv.ParseInt(digits, 10, 64)
	return version
}

// Rows is what CheckRows finds in a database.
type Rows struct {
	Schema     int64
	Recordings map[string]call.ID // by path relative to the data folder: what closed calls name
	Cases      map[call.ID]bool   // messages that a case has been made of
}

// CheckRows reads a database that nobody else has open, and changes nothing, not even beside it. The
// error says what SQLite's own check, which reads every page, finds wrong.
func CheckRows(ctx context.Context, path string) (r Rows, err error) {
	if _, err := os.Stat(path); err != nil {
		return r, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return r, err
	}
	u := url.URL{Scheme: "file", Path: abs, RawQuery: "mode=ro&immutable=1&_pragma=query_only(1)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return r, err
	}
	defer func() {
		if err = errors.Join(err, db.Close()); err != nil {
			err = fmt.Errorf("%s: %w", RowsFile, err)
		}
	}()
	if err := integrity(ctx, db); err != nil {
		return r, err
	}
	if err := db.QueryRowContext(ctx, `SELECT max(version_id) FROM schema WHERE is_applied`).Scan(&r.Schema); err != nil {
		return r, fmt.Errorf("read the version of the schema: %w", err)
	}
	r.Recordings, r.Cases = map[string]call.ID{}, map[call.ID]bool{}
	type named struct {
		id   call.ID
		path string
	}
	calls, err := query(ctx, db, func(rows *sql.Rows) (n named, err error) { return n, rows.Scan(&n.id, &n.path) },
		`SELECT id, recording FROM calls WHERE recording <> '' AND ended IS NOT NULL`)
	if err != nil {
		return r, err
	}
	for _, c := range calls {
		r.Recordings[c.path] = c.id
	}
	if r.Schema < casesSchema {
		return r, nil
	}
	cases, err := query(ctx, db, func(rows *sql.Rows) (id call.ID, err error) { return id, rows.Scan(&id) }, `SELECT id FROM cases`)
	for _, id := range cases {
		r.Cases[id] = true
	}
	return r, err
}

// casesSchema is the first schema with cases.
const casesSchema = 6

// integrity is nil if SQLite finds nothing wrong.
func integrity(ctx context.Context, db *sql.DB) error {
	said, err := query(ctx, db, func(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) }, `PRAGMA integrity_check(3)`)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if len(said) != 1 || said[0] != "ok" {
		return fmt.Errorf("check: %s", strings.Join(said, "; "))
	}
	return nil
}

// ForgetDialogs forgets all dialogs: those of a restored folder have ended long ago, or are
// another server's.
func (s *Store) ForgetDialogs(ctx context.Context) error {
	all, err := s.Dialogs(ctx)
	if err != nil {
		return err
	}
	for _, d := range all {
		if err := s.RemoveDialog(d.Leg); err != nil {
			return err
		}
	}
	return s.Flush(ctx)
}

// ForgetSecrets removes the SIP secrets from the database of a folder whose keys/seal.key is lost, so
// that Open takes it, and returns whose they were. No telephone of theirs can register until it
// has a new secret. Nobody else may have the folder open.
func ForgetSecrets(ctx context.Context, dir string) (names []string, err error) {
	db, err := openSQL(filepath.Join(dir, RowsFile), "busy_timeout(400)", "synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	names, err = query(ctx, db, func(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) }, `SELECT DISTINCT user FROM sip_secrets ORDER BY user`)
	if err != nil {
		return nil, fmt.Errorf("list SIP secrets: %w", err)
	}
	if _, err := db.ExecContext(ctx, `DELETE FROM sip_secrets`); err != nil {
		return nil, fmt.Errorf("forget SIP secrets: %w", err)
	}
	return names, nil
}
