package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// ErrUnknown says that there is no row of that name.
var ErrUnknown = errors.New("not known")

// A Filter chooses calls.
type Filter struct {
	Since time.Time // arrived at or after it; zero: from the first
	Limit int       // at most so many; 0: all
	All   bool      // operators' own calls and consults too, not only those to our lines
}

// columns are those of scanCall, in its order.
const columns = `id, line, trunk, from_number, withheld, language, queue, operator, outcome, phase,
	ended_by, code, arrived, answered, ended, waited, talked, recording, notice, kind, linked, unrecorded`

// Calls returns records of calls, the newest arrival first, open ones too. It sees all that
// was written before it was called.
func (s *Store) Calls(ctx context.Context, f Filter) ([]call.Record, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("list calls: %w", err)
	}
	since := int64(math.MinInt64)
	if !f.Since.IsZero() {
		since = f.Since.UnixMicro()
	}
	limit := f.Limit
	if limit <= 0 {
		limit = -1 // SQLite: no limit
	}
	return s.calls(ctx, `SELECT `+columns+` FROM calls WHERE arrived >= ? AND (kind = 'call' OR ?)
		ORDER BY arrived DESC, id DESC LIMIT ?`, since, f.All, limit)
}

// LastOperator is who talked last to somebody who called from that number, at or after since; empty:
// nobody did.
func (s *Store) LastOperator(ctx context.Context, number call.Number, since time.Time) (name string, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT operator FROM calls WHERE arrived >= ? AND from_number = ? AND operator <> ''
		ORDER BY arrived DESC, id DESC LIMIT 1`, since.UnixMicro(), number.Raw()).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return name, err
}

// OpenCalls returns the records that are not closed, the oldest first: after a start, the
// calls during which the process before us died.
func (s *Store) OpenCalls(ctx context.Context) ([]call.Record, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("list open calls: %w", err)
	}
	return s.calls(ctx, `SELECT `+columns+` FROM calls WHERE ended IS NULL ORDER BY arrived, id`)
}

// Call returns one record. The error is ErrUnknown where there is none.
func (s *Store) Call(ctx context.Context, id call.ID) (call.Record, error) {
	if err := s.fresh(ctx); err != nil {
		return call.Record{}, fmt.Errorf("call %s: %w", id, err)
	}
	got, err := s.calls(ctx, `SELECT `+columns+` FROM calls WHERE id = ?`, string(id))
	if err == nil && len(got) == 0 {
		err = ErrUnknown
	}
	if err != nil {
		return call.Record{}, fmt.Errorf("call %s: %w", id, err)
	}
	return got[0], nil
}

// ErrManyFit says that a short form means several.
var ErrManyFit = errors.New("several fit")

// FindCall returns the id of the one call whose id begins so. The error is ErrUnknown where there
// is none, ErrManyFit where there are more.
func (s *Store) FindCall(ctx context.Context, prefix string) (call.ID, error) {
	if err := s.fresh(ctx); err != nil {
		return "", fmt.Errorf("find call %q: %w", prefix, err)
	}
	// '~' stands behind all that an id is made of.
	ids, err := query(ctx, s.reader, func(rows *sql.Rows) (id call.ID, err error) { return id, rows.Scan(&id) },
		`SELECT id FROM calls WHERE id >= ? AND id < ? || '~' ORDER BY id LIMIT 2`, prefix, prefix)
	switch {
	case err != nil:
		return "", fmt.Errorf("find call %q: %w", prefix, err)
	case prefix == "" || len(ids) == 0:
		return "", fmt.Errorf("call %q: %w", prefix, ErrUnknown)
	case len(ids) > 1 && string(ids[0]) != prefix:
		return "", fmt.Errorf("call %q: %w", prefix, ErrManyFit)
	}
	return ids[0], nil
}

// Records gives the records of calls by id; of those that are not known there is none.
func (s *Store) Records(ctx context.Context, ids []call.ID) (map[call.ID]call.Record, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("records of calls: %w", err)
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("records of calls: %w", err)
	}
	rows, err := s.calls(ctx, `SELECT `+columns+` FROM calls WHERE id IN (SELECT value FROM json_each(?))`, string(list))
	if err != nil {
		return nil, fmt.Errorf("records of calls: %w", err)
	}
	out := make(map[call.ID]call.Record, len(rows))
	for _, r := range rows {
		out[r.ID] = r
	}
	return out, nil
}

// CallsOn are the calls that arrived from a time on and before another, the oldest first, those of operators left out.
func (s *Store) CallsOn(ctx context.Context, from, to time.Time) ([]call.Record, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("list calls: %w", err)
	}
	return s.calls(ctx, `SELECT `+columns+` FROM calls WHERE arrived >= ? AND arrived < ? AND kind IN ('call', 'callback') ORDER BY arrived, id`,
		from.UnixMicro(), to.UnixMicro())
}

// CallsFrom are the calls of a number, and those in which we called it back, the oldest first. Carriers write one
// number in several ways: same says which are meant.
func (s *Store) CallsFrom(ctx context.Context, same func(call.Number) bool) ([]call.Record, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("calls of a number: %w", err)
	}
	all, err := query(ctx, s.reader, func(rows *sql.Rows) (n string, err error) { return n, rows.Scan(&n) },
		`SELECT DISTINCT from_number FROM calls WHERE from_number <> ''`)
	if err != nil {
		return nil, fmt.Errorf("calls of a number: %w", err)
	}
	list, err := json.Marshal(slices.DeleteFunc(all, func(n string) bool { return !same(call.Number(n)) }))
	if err != nil {
		return nil, fmt.Errorf("calls of a number: %w", err)
	}
	got, err := s.calls(ctx, `SELECT `+columns+` FROM calls WHERE from_number IN (SELECT value FROM json_each(?)) ORDER BY arrived, id`, string(list))
	if err != nil {
		return nil, fmt.Errorf("calls of a number: %w", err)
	}
	return got, nil
}

// Events returns the journal of one call in the order it was written; of operators where id
// is empty. A call that is not known has no events.
func (s *Store) Events(ctx context.Context, id call.ID) ([]call.Event, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("events of %s: %w", id, err)
	}
	return s.events(ctx, id)
}

func (s *Store) events(ctx context.Context, id call.ID) ([]call.Event, error) {
	return query(ctx, s.reader, scanEvent, `SELECT call, at, name, data FROM events WHERE call = ? ORDER BY seq`, string(id))
}

// Dialogs returns the dialogs that were alive, by leg.
func (s *Store) Dialogs(ctx context.Context) ([]call.Dialog, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("list dialogs: %w", err)
	}
	return query(ctx, s.reader, scanJSON[call.Dialog], `SELECT state FROM dialogs ORDER BY leg`)
}

func (s *Store) calls(ctx context.Context, q string, args ...any) ([]call.Record, error) {
	return query(ctx, s.reader, scanCall, q, args...)
}

func insertCall(ctx context.Context, tx *sql.Tx, r call.Record) error {
	_, err := upsertCall(ctx, tx, r, `DO NOTHING`)
	return err
}

// closeCall writes the end over an open row. One that has an end already keeps it.
func (s *Store) closeCall(ctx context.Context, tx *sql.Tx, r call.Record) error {
	n, err := upsertCall(ctx, tx, r, `DO UPDATE SET
		line = excluded.line, trunk = excluded.trunk, from_number = excluded.from_number,
		withheld = excluded.withheld, language = excluded.language, queue = excluded.queue,
		operator = excluded.operator, outcome = excluded.outcome, phase = excluded.phase,
		ended_by = excluded.ended_by, code = excluded.code, arrived = excluded.arrived,
		answered = excluded.answered, ended = excluded.ended, waited = excluded.waited,
		talked = excluded.talked, notice = excluded.notice,
		unrecorded = CASE excluded.unrecorded WHEN '' THEN calls.unrecorded ELSE excluded.unrecorded END,
		recording = CASE WHEN calls.recording_state = 'missing' THEN '' WHEN excluded.recording = '' THEN calls.recording ELSE excluded.recording END
		WHERE calls.ended IS NULL`)
	if err == nil && n == 0 {
		s.metrics.closedTwice.Inc()
		s.log.Error("a call was closed twice, the first counts",
			zap.String("call", string(r.ID)), zap.String("outcome", string(r.Outcome)))
	}
	return err
}

func upsertCall(ctx context.Context, tx *sql.Tx, r call.Record, onConflict string) (rows int64, err error) {
	var notice any
	if r.Notice != nil {
		b, err := json.Marshal(r.Notice)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errMalformed, err)
		}
		notice = string(b)
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO calls (`+columns+`, recording_state)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'') ON CONFLICT (id) `+onConflict,
		string(r.ID), r.Line, r.Trunk, r.From.Raw(), r.Withheld, string(r.Language), r.Queue, r.Operator,
		string(r.Outcome), string(r.Phase), string(r.EndedBy), r.Code,
		micro(r.Arrived), micro(r.Answered), micro(r.Ended), r.Waited.Microseconds(), r.Talked.Microseconds(),
		r.Recording, notice, string(cmp.Or(r.Kind, call.KindCall)), string(r.Linked), string(r.Unrecorded))
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func insertEvent(ctx context.Context, tx *sql.Tx, seq uint64, e call.Event) error {
	data := e.Data
	if data == nil {
		data = map[string]string{}
	}
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO events (seq, call, at, name, data) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (seq) DO NOTHING`, int64(seq), string(e.Call), e.At.UnixMicro(), e.Name, string(b))
	return err
}

func scanCall(rows *sql.Rows) (r call.Record, err error) {
	var (
		from                      string
		arrived, answered, ended  sql.NullInt64
		waited, talked            int64
		notice                    sql.NullString
		id, lang, outcome         string
		phase, endedBy, recording string
		kind, linked, unrecorded  string
	)
	err = rows.Scan(&id, &r.Line, &r.Trunk, &from, &r.Withheld, &lang, &r.Queue, &r.Operator, &outcome, &phase,
		&endedBy, &r.Code, &arrived, &answered, &ended, &waited, &talked, &recording, &notice, &kind, &linked, &unrecorded)
	if err != nil {
		return r, err
	}
	r.Linked, r.Unrecorded = call.ID(linked), call.Unrecorded(unrecorded)
	if kind != string(call.KindCall) { // which is the empty Kind's other name
		r.Kind = call.Kind(kind)
	}
	r.ID, r.From, r.Language = call.ID(id), call.Number(from), call.Language(lang)
	r.Outcome, r.Phase, r.EndedBy, r.Recording = call.Outcome(outcome), call.State(phase), call.Party(endedBy), recording
	r.Arrived, r.Answered, r.Ended = fromMicro(arrived), fromMicro(answered), fromMicro(ended)
	r.Waited, r.Talked = time.Duration(waited)*time.Microsecond, time.Duration(talked)*time.Microsecond
	if notice.Valid {
		r.Notice = new(call.Notice)
		err = json.Unmarshal([]byte(notice.String), r.Notice)
	}
	return r, err
}

func scanEvent(rows *sql.Rows) (e call.Event, err error) {
	var (
		id, data string
		at       int64
	)
	if err := rows.Scan(&id, &at, &e.Name, &data); err != nil {
		return e, err
	}
	e.Call, e.At = call.ID(id), time.UnixMicro(at).UTC()
	return e, json.Unmarshal([]byte(data), &e.Data)
}

func scanJSON[T any](rows *sql.Rows) (v T, err error) {
	var b []byte
	if err := rows.Scan(&b); err != nil {
		return v, err
	}
	return v, json.Unmarshal(b, &v)
}

// A querier is a database, or a transaction in it.
type querier interface {
	QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error)
}

// query runs q and scans each row. The result is never nil, so that it is [] in JSON.
func query[T any](ctx context.Context, db querier, scan func(*sql.Rows) (T, error), q string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	got := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		got = append(got, v)
	}
	return got, rows.Err()
}

// one is the first of what query gives; ErrUnknown: there is none.
func one[T any](list []T, err error) (v T, _ error) {
	if err != nil {
		return v, err
	}
	if len(list) == 0 {
		return v, ErrUnknown
	}
	return list[0], nil
}

// micro is a time as SQL has it; the zero time is NULL.
func micro(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func fromMicro(v sql.NullInt64) time.Time {
	if !v.Valid {
		return time.Time{}
	}
	return time.UnixMicro(v.Int64).UTC()
}
