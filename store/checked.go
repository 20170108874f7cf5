package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"hotline/call"
)

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
