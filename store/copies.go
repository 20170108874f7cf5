package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"hotline/call"
)

// RequestCopy registers a request for a copy, in one transaction: when it returns, the request outlives the process.
// Its number is the next of its year, in the zone of Asked.
func (s *Store) RequestCopy(ctx context.Context, c call.Copy, entry call.CaseEntry) (call.Copy, error) {
	year := c.Asked.Year()
	err := s.write(ctx, func(tx *sql.Tx) error {
		var seq int
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) + 1 FROM copies WHERE year = ?`, year).Scan(&seq); err != nil {
			return err
		}
		c.Number, c.State = call.CopyNumber(year, seq), call.CopyAsked
		if _, err := tx.ExecContext(ctx, `INSERT INTO copies (year, seq, call, case_no, name, checked, by, why, state, asked, due, right_until)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			year, seq, string(c.Call), c.Case, c.Name, c.Checked, c.By, c.Why, string(c.State), micro(c.Asked), micro(c.Due), micro(c.Right)); err != nil {
			return err
		}
		return noteCopy(ctx, tx, year, seq, entry)
	})
	if err != nil {
		return c, fmt.Errorf("register a request for a copy: %w", err)
	}
	return s.Copy(ctx, c.Number)
}

func noteCopy(ctx context.Context, tx *sql.Tx, year, seq int, e call.CaseEntry) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO copy_history (year, seq, at, by, what, text) VALUES (?, ?, ?, ?, ?, ?)`,
		year, seq, micro(e.At), e.By, e.What, e.Text)
	return err
}

const copyColumns = `year, seq, call, case_no, name, checked, by, why, state, asked, due, right_until, silence, digest, made, closed`

func scanCopy(rows *sql.Rows) (c call.Copy, err error) {
	var (
		year, seq         int
		id, state         string
		asked, due, right int64
		made, closed      sql.NullInt64
	)
	err = rows.Scan(&year, &seq, &id, &c.Case, &c.Name, &c.Checked, &c.By, &c.Why, &state, &asked, &due, &right, &c.Silence, &c.Digest, &made, &closed)
	c.Number, c.Call, c.State = call.CopyNumber(year, seq), call.ID(id), call.CopyState(state)
	c.Asked, c.Due, c.Right = time.UnixMicro(asked).UTC(), time.UnixMicro(due).UTC(), time.UnixMicro(right).UTC()
	c.Made, c.Closed = fromMicro(made), fromMicro(closed)
	return c, err
}

// copyKey is what a request's number says; the error is ErrUnknown where it is none.
func copyKey(number string) (year, seq int, err error) {
	if n, err := fmt.Sscanf(number, "R-%d-%d", &year, &seq); err != nil || n != 2 || call.CopyNumber(year, seq) != number {
		return 0, 0, fmt.Errorf("%w: %q is no number of a request, write R-YYYY-NNNNNN", ErrUnknown, number)
	}
	return year, seq, nil
}

// Copy is one request with its history; ErrUnknown: there is none of this number.
func (s *Store) Copy(ctx context.Context, number string) (c call.Copy, err error) {
	year, seq, err := copyKey(number)
	if err != nil {
		return c, err
	}
	list, err := query(ctx, s.reader, scanCopy, `SELECT `+copyColumns+` FROM copies WHERE year = ? AND seq = ?`, year, seq)
	if err != nil {
		return c, fmt.Errorf("read request %s: %w", number, err)
	}
	if len(list) == 0 {
		return c, fmt.Errorf("%w: there is no request %s", ErrUnknown, number)
	}
	c = list[0]
	c.History, err = query(ctx, s.reader, func(rows *sql.Rows) (e call.CaseEntry, err error) {
		var at int64
		err = rows.Scan(&at, &e.By, &e.What, &e.Text)
		e.At = time.UnixMicro(at).UTC()
		return e, err
	}, `SELECT at, by, what, text FROM copy_history WHERE year = ? AND seq = ? ORDER BY id`, year, seq)
	return c, err
}

// Copies lists requests without their histories, those that are due first; all: closed ones too, behind the others.
func (s *Store) Copies(ctx context.Context, all bool) ([]call.Copy, error) {
	list, err := query(ctx, s.reader, scanCopy, `SELECT `+copyColumns+` FROM copies WHERE closed IS NULL OR ? ORDER BY closed IS NOT NULL, closed DESC, due, year, seq`, all)
	if err != nil {
		return nil, fmt.Errorf("list requests for copies: %w", err)
	}
	return list, nil
}

// A CopyChange is what is done to a request. Zero fields leave what is.
type CopyChange struct {
	Entry           call.CaseEntry // always written
	State           call.CopyState
	Silence, Digest string // of a copy that was made; both are taken
}

// ChangeCopy does something to a request. call.ErrCopyMove: it cannot go on so.
func (s *Store) ChangeCopy(ctx context.Context, number string, change CopyChange) (call.Copy, error) {
	year, seq, err := copyKey(number)
	if err != nil {
		return call.Copy{}, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		c, err := one(query(ctx, tx, scanCopy, `SELECT `+copyColumns+` FROM copies WHERE year = ? AND seq = ?`, year, seq))
		if err != nil {
			return err
		}
		if change.State != "" {
			if err := c.May(change.State); err != nil {
				return err
			}
			c.State = change.State
			switch c.State {
			case call.CopyMade:
				c.Made, c.Silence, c.Digest = change.Entry.At, change.Silence, change.Digest
			case call.CopyDelivered, call.CopyRefused:
				c.Closed = change.Entry.At
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE copies SET state = ?, silence = ?, digest = ?, made = ?, closed = ? WHERE year = ? AND seq = ?`,
			string(c.State), c.Silence, c.Digest, micro(c.Made), micro(c.Closed), year, seq); err != nil {
			return err
		}
		return noteCopy(ctx, tx, year, seq, change.Entry)
	})
	if err != nil {
		return call.Copy{}, fmt.Errorf("request %s: %w", number, err)
	}
	return s.Copy(ctx, number)
}
