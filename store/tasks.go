package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"hotline/call"
)

// CaseTasks are the callbacks after investigations, the soonest first; all: also those that are over.
func (s *Store) CaseTasks(ctx context.Context, all bool) ([]call.CaseTask, error) {
	return s.caseTasks(ctx, `? OR t.outcome IN ('open', 'calling')`, all)
}

// CaseTask is the callback of one case; ErrUnknown: it has none.
func (s *Store) CaseTask(ctx context.Context, id call.ID) (call.CaseTask, error) {
	list, err := s.caseTasks(ctx, `t.case_id = ?`, string(id))
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: nobody is to be called for this case", ErrUnknown)
	}
	if err != nil {
		return call.CaseTask{}, err
	}
	return list[0], nil
}

func (s *Store) caseTasks(ctx context.Context, where string, args ...any) ([]call.CaseTask, error) {
	list, err := query(ctx, s.reader, func(rows *sql.Rows) (t call.CaseTask, err error) {
		var id, of, from, lang, outcome, ticket string
		var year, seq int
		var due, made int64
		var last sql.NullInt64
		err = rows.Scan(&id, &year, &seq, &of, &from, &lang, &due, &t.Tries, &outcome, &made, &last, &ticket)
		t.Case, t.Number, t.Call, t.Ticket = call.ID(id), call.CaseNumber(year, seq), call.ID(of), call.ID(ticket)
		t.From, t.Language, t.Outcome = call.Number(from), call.Language(lang), call.CaseTaskOutcome(outcome)
		t.Due, t.Made, t.Last = time.UnixMicro(due).UTC(), time.UnixMicro(made).UTC(), fromMicro(last)
		return t, err
	}, `SELECT c.id, c.year, c.seq, c.call, c.from_number, c.language, t.due, t.tries, t.outcome, t.made, t.last, t.ticket FROM case_tasks t
		JOIN cases c ON c.id = t.case_id WHERE `+where+` ORDER BY t.due, c.year, c.seq`, args...)
	if err != nil {
		return nil, fmt.Errorf("list callbacks of cases: %w", err)
	}
	return list, nil
}

// MoveCaseTask takes a callback from where it was read to where it stands now, with lines of the case's
// history and letters, in one transaction. moved is false, and nothing is written, where somebody else has
// changed it since.
func (s *Store) MoveCaseTask(ctx context.Context, was, now call.CaseTask, entries []call.CaseEntry, letters []call.Letter) (moved bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE case_tasks SET due = ?, tries = ?, outcome = ?, last = ?, ticket = ?
			WHERE case_id = ? AND outcome = ? AND ticket = ? AND tries = ? AND made = ? AND due = ?`,
			micro(now.Due), now.Tries, string(now.Outcome), micro(now.Last), string(now.Ticket),
			string(was.Case), string(was.Outcome), string(was.Ticket), was.Tries, micro(was.Made), micro(was.Due))
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if moved = n == 1; err != nil || !moved {
			return err
		}
		for _, e := range entries {
			if err := note(ctx, tx, was.Case, e); err != nil {
				return err
			}
		}
		return post(ctx, tx, letters)
	})
	if err != nil {
		return false, fmt.Errorf("callback of case %s: %w", was.Number, err)
	}
	return moved, nil
}
