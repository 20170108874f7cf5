package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
)

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
