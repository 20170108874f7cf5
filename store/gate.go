package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// A Block keeps a number out.
type Block struct {
	Number string // as numbers are compared
	Reason string
	By     string // who decided
	At     time.Time
	Until  time.Time // zero: until it is lifted

	Lifted   time.Time // zero: it holds
	LiftedBy string
}

// Blocks are those that hold at a time, or all there ever were, the newest first.
func (s *Store) Blocks(ctx context.Context, now time.Time, all bool) ([]Block, error) {
	return query(ctx, s.reader, func(rows *sql.Rows) (b Block, err error) {
		var at int64
		var until, lifted sql.NullInt64
		var by sql.NullString
		err = rows.Scan(&b.Number, &b.Reason, &b.By, &at, &until, &lifted, &by)
		b.At, b.Until, b.Lifted, b.LiftedBy = time.UnixMicro(at).UTC(), fromMicro(until), fromMicro(lifted), by.String
		return b, err
	}, `SELECT number, reason, by, at, until, lifted, lifted_by FROM blocks
		WHERE ? OR lifted IS NULL AND (until IS NULL OR until > ?) ORDER BY id DESC`, all, now.UnixMicro())
}

// AddBlock keeps a number out. One that is kept out already is a block anew: ErrExists is for nobody.
func (s *Store) AddBlock(ctx context.Context, b Block) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE blocks SET lifted = ?, lifted_by = ? WHERE number = ? AND lifted IS NULL`,
			micro(b.At), b.By, b.Number); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO blocks (number, reason, by, at, until) VALUES (?, ?, ?, ?, ?)`,
			b.Number, b.Reason, b.By, micro(b.At), micro(b.Until))
		return err
	})
	if err != nil {
		return fmt.Errorf("block a number: %w", err)
	}
	return nil
}

// LiftBlock lets a number in again; ErrUnknown: it is not kept out.
func (s *Store) LiftBlock(ctx context.Context, number, by string, at time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE blocks SET lifted = ?, lifted_by = ? WHERE number = ? AND lifted IS NULL
			AND (until IS NULL OR until > ?)`, micro(at), by, number, micro(at))
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return fmt.Errorf("%w: the number is not blocked", ErrUnknown)
		}
		return nil
	})
}

// A Switch is something that is switched on for all callers.
type Switch struct {
	Name  string
	Value json.RawMessage
	By    string
	At    time.Time
	Until time.Time // zero: until it is switched off
}

// Switches are all that are on, those too whose time is over.
func (s *Store) Switches(ctx context.Context) ([]Switch, error) {
	return query(ctx, s.reader, func(rows *sql.Rows) (w Switch, err error) {
		var at int64
		var until sql.NullInt64
		var value string
		err = rows.Scan(&w.Name, &value, &w.By, &at, &until)
		w.Value, w.At, w.Until = json.RawMessage(value), time.UnixMicro(at).UTC(), fromMicro(until)
		return w, err
	}, `SELECT name, value, by, at, until FROM switches ORDER BY name`)
}

// SetSwitch switches something on.
func (s *Store) SetSwitch(ctx context.Context, w Switch) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO switches (name, value, by, at, until) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value, by = excluded.by, at = excluded.at, until = excluded.until`,
			w.Name, string(w.Value), w.By, micro(w.At), micro(w.Until))
		return err
	})
}

// ClearSwitch switches something off. What is off already stays so.
func (s *Store) ClearSwitch(ctx context.Context, name string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM switches WHERE name = ?`, name)
		return err
	})
}

// Opinion keeps what a caller answered. Like all that calls write it goes to the spool and waits for
// nobody.
func (s *Store) Opinion(o call.Opinion) {
	if err := s.put(kindOpinion, o); err != nil {
		s.log.Error("an answer of a survey was not written", zap.String("call", string(o.Call)), zap.Error(err))
	}
}

func insertOpinion(ctx context.Context, tx *sql.Tx, o call.Opinion) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO opinions (call, survey, question, queue, language, value, at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, string(o.Call), o.Survey, o.Question, o.Queue, string(o.Language), o.Value, micro(o.At))
	return err
}

// An OpinionSum is what came of one question in one queue and language.
type OpinionSum struct {
	Survey, Question, Queue string
	Language                call.Language
	Asked, Answered         int
	Sum                     int         // of the values
	Values                  map[int]int // how often each was given
}

// Opinions sums up what was answered since a time.
func (s *Store) Opinions(ctx context.Context, since time.Time) ([]OpinionSum, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("read the surveys: %w", err)
	}
	type row struct {
		OpinionSum
		value, n int
	}
	rows, err := query(ctx, s.reader, func(rows *sql.Rows) (r row, err error) {
		var lang string
		err = rows.Scan(&r.Survey, &r.Question, &r.Queue, &lang, &r.value, &r.n)
		r.Language = call.Language(lang)
		return r, err
	}, `SELECT survey, question, queue, language, value, count(*) FROM opinions WHERE at >= ?
		GROUP BY survey, question, queue, language, value ORDER BY survey, question, queue, language, value`, since.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("read the surveys: %w", err)
	}
	var sums []OpinionSum
	for _, r := range rows {
		if n := len(sums); n == 0 || sums[n-1].Survey != r.Survey || sums[n-1].Question != r.Question || sums[n-1].Queue != r.Queue || sums[n-1].Language != r.Language {
			r.Values = map[int]int{}
			sums = append(sums, r.OpinionSum)
		}
		sum := &sums[len(sums)-1]
		sum.Asked += r.n
		if r.value > 0 {
			sum.Answered += r.n
			sum.Sum += r.value * r.n
			sum.Values[r.value] += r.n
		}
	}
	return sums, nil
}
