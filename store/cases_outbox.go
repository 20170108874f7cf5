package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"hotline/call"
)

// DueDeliveries returns what units are to be told now, the longest due first, at most limit for each unit
// and channel, and when the next one after now is due; zero: none is.
func (s *Store) DueDeliveries(ctx context.Context, now time.Time, limit int) (due []call.Delivery, next time.Time, err error) {
	if err := s.fresh(ctx); err != nil {
		return nil, next, fmt.Errorf("what units are to be told: %w", err)
	}
	due, err = query(ctx, s.reader, scanDelivery, `SELECT case_id, key, unit, channel, percent, tries, next, by, fault FROM
		(SELECT *, row_number() OVER (PARTITION BY unit, channel ORDER BY next, key) AS place FROM case_outbox WHERE done IS NULL AND next <= ?)
		WHERE place <= ? ORDER BY next, key`, now.UnixMicro(), limit)
	if err != nil {
		return nil, next, fmt.Errorf("what units are to be told: %w", err)
	}
	var at sql.NullInt64
	err = s.reader.QueryRowContext(ctx, `SELECT min(next) FROM case_outbox WHERE done IS NULL AND next > ?`, now.UnixMicro()).Scan(&at)
	return due, fromMicro(at), err
}

func scanDelivery(rows *sql.Rows) (d call.Delivery, err error) {
	var (
		next int64
		by   sql.NullInt64
	)
	err = rows.Scan(&d.Case, &d.Key, &d.Unit, &d.Channel, &d.Percent, &d.Tries, &next, &by, &d.Fault)
	d.Next, d.By = time.UnixMicro(next).UTC(), fromMicro(by)
	return d, err
}

// Delivered says that a unit has what it was to be told. The first to have a case itself makes it
// forwarded.
func (s *Store) Delivered(ctx context.Context, d call.Delivery, at time.Time) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		// Also one that was taken back while it was on its way: the unit has it now.
		_, err := tx.ExecContext(ctx, `INSERT INTO case_outbox (key, unit, channel, case_id, percent, tries, next, by, done, fault)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '') ON CONFLICT DO UPDATE SET done = excluded.done, fault = ''`,
			d.Key, d.Unit, string(d.Channel), string(d.Case), d.Percent, d.Tries, d.Next.UnixMicro(), micro(d.By), at.UnixMicro())
		if err != nil {
			return err
		}
		what := "unit told by " + string(d.Channel)
		if d.Percent > 0 {
			what = fmt.Sprintf("unit reminded at %d %% by %s", d.Percent, d.Channel)
		} else if _, err := tx.ExecContext(ctx, `UPDATE cases SET forwarded = ? WHERE id = ? AND forwarded IS NULL`, at.UnixMicro(), string(d.Case)); err != nil {
			return err
		}
		return applyChange(ctx, tx, d.Case, call.CaseChange{Notes: []call.CaseNote{{At: at, Who: "hotline", What: what, Note: d.Unit}}})
	})
	if err != nil {
		return fmt.Errorf("note that %s was told: %w", d.Channel, err)
	}
	return nil
}

// NotDelivered says that a try failed: so many were made, the next one is due at d.Next, and why.
func (s *Store) NotDelivered(ctx context.Context, d call.Delivery) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE case_outbox SET tries = ?, next = ?, fault = ? WHERE key = ? AND unit = ? AND channel = ? AND done IS NULL`,
			d.Tries, d.Next.UnixMicro(), d.Fault, d.Key, d.Unit, string(d.Channel))
		return err
	})
	if err != nil {
		return fmt.Errorf("note a failed try: %w", err)
	}
	return nil
}

// CaseCounts counts cases and what is to be told of them, as they are committed.
func (s *Store) CaseCounts(ctx context.Context, now time.Time) (n call.CaseCounts, err error) {
	n.Open = map[call.CaseState]int{}
	type group struct {
		state         call.CaseState
		open, overdue int
	}
	groups, err := query(ctx, s.reader, func(rows *sql.Rows) (g group, err error) {
		return g, rows.Scan(&g.state, &g.open, &g.overdue)
	}, `SELECT state, count(*), coalesce(sum(due < ?), 0) FROM cases WHERE `+owed+` GROUP BY state`, now.UnixMicro())
	if err != nil {
		return n, fmt.Errorf("count cases: %w", err)
	}
	for _, g := range groups {
		n.Open[g.state] = g.open
		n.Overdue += g.overdue
	}
	err = s.reader.QueryRowContext(ctx, `SELECT coalesce(sum(next <= ?1 OR tries > 0), 0), coalesce(sum(by < ?1), 0) FROM case_outbox WHERE done IS NULL`,
		now.UnixMicro()).Scan(&n.Waiting, &n.Late)
	if err != nil {
		return n, fmt.Errorf("count what is to be told: %w", err)
	}
	return n, nil
}

const taskColumns = `t.id, t.case_id, c.number, t.kind, t.made, t.due, t.next, t.tries, t.outcome, t.changed`

// Tasks returns what is to be done for cases, the first due first: those still open, or all. It sees all
// that was written before it was called.
func (s *Store) Tasks(ctx context.Context, all bool) ([]call.Task, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	return query(ctx, s.reader, scanTask, `SELECT `+taskColumns+` FROM tasks t JOIN cases c ON c.id = t.case_id
		WHERE t.outcome = '' OR ? ORDER BY t.due, t.id`, all)
}

// ChangeTask changes a task that is open, and writes what was done into the history of its case. The
// error is ErrUnknown where there is none, or it is over.
func (s *Store) ChangeTask(ctx context.Context, id call.ID, change func(*call.Task) (call.CaseChange, error)) (t call.Task, err error) {
	if err := s.fresh(ctx); err != nil {
		return t, fmt.Errorf("task %s: %w", id, err)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		found, err := query(ctx, tx, scanTask, `SELECT `+taskColumns+` FROM tasks t JOIN cases c ON c.id = t.case_id WHERE t.id = ? AND t.outcome = ''`, string(id))
		if err == nil && len(found) == 0 {
			err = ErrUnknown
		}
		if err != nil {
			return err
		}
		t = found[0]
		with, err := change(&t)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE tasks SET due = ?, next = ?, tries = ?, outcome = ?, changed = ? WHERE id = ?`,
			t.Due.UnixMicro(), t.Next.UnixMicro(), t.Tries, string(t.Outcome), t.Changed.UnixMicro(), string(id)); err != nil {
			return err
		}
		return applyChange(ctx, tx, t.Case, with)
	})
	if errors.Is(err, ErrUnknown) {
		return t, fmt.Errorf("task %s: %w, or it is over", id, err)
	}
	return t, err
}

func scanTask(rows *sql.Rows) (t call.Task, err error) {
	var made, due, next, changed int64
	err = rows.Scan(&t.ID, &t.Case, &t.Number, &t.Kind, &made, &due, &next, &t.Tries, &t.Outcome, &changed)
	t.Made, t.Due, t.Next, t.Changed = time.UnixMicro(made).UTC(), time.UnixMicro(due).UTC(), time.UnixMicro(next).UTC(), time.UnixMicro(changed).UTC()
	return t, err
}
