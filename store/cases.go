package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"hotline/call"
)

// caseEntry is the body of kindCase: a case with the caller's number whole, and what goes with it.
type caseEntry struct {
	call.Case
	From string
	Year int
	Seq  int
	With call.CaseChange
}

// caseNumbers gives cases their numbers. They are counted in memory and go to the spool with their
// case, under one lock: so a number waits for no disk, and is neither given twice nor left out. The
// spool survives the process; a start applies it before it looks where a year's count stands.
type caseNumbers struct {
	mu     sync.Mutex
	last   map[int]int // by year; not there: not looked up yet
	opened map[call.ID]openedCase

	// bound is the greatest id of a case that may be among the rows and is not in opened. What is
	// greater and not in opened is new: ids grow with time, so a new message asks the rows nothing.
	bound   call.ID
	bounded bool // it was looked up

	tidyAt int // how many are opened when those are forgotten next that are among the rows
}

// An openedCase is one that may not be among the rows yet.
type openedCase struct {
	number string
	seq    uint64 // the spool had got so far when it was written
	held   bool   // in memory alone
}

// openedMost is how many opened cases are kept in mind before those are forgotten that are among the rows.
const openedMost = 4096

// OpenCase gives a case its number, YYYY-NNNNNN of a year, and keeps it with what goes with it: notes,
// what units are to be told, tasks. A case that is there already keeps its number and all else; fresh is
// then false. Like all that calls write it goes to the spool, waits for no disk, and survives the
// process; the committer is told not to wait for company, so that it survives the power as well before
// its number has been spoken. Where the disk takes nothing there is an error and no number may be told.
func (s *Store) OpenCase(ctx context.Context, c call.Case, year int, with call.CaseChange) (number string, fresh bool, err error) {
	if c.ID == "" || year < 1000 || year > 9999 {
		return "", false, errors.New("a case needs the id of its message and a year of four digits")
	}
	n := &s.numbers
	n.mu.Lock()
	defer n.mu.Unlock()
	if number, err := s.openedBefore(ctx, c.ID); number != "" || err != nil {
		return number, false, err
	}
	seq, err := s.lastNumber(ctx, year)
	if err != nil {
		return "", false, fmt.Errorf("number a case: %w", err)
	}
	seq++
	c.Number = fmt.Sprintf("%04d-%06d", year, seq)
	err = s.put(kindCase, caseEntry{Case: c, From: c.From.Raw(), Year: year, Seq: seq, With: with})
	if errors.Is(err, errLost) || errors.Is(err, errClosed) {
		return "", false, err // nobody has the number, and the next one takes it
	}
	n.last[year] = seq
	s.remember(c.ID, openedCase{c.Number, s.spool.newest(), err != nil})
	if err != nil {
		return "", false, err // kept in memory, with its number, until the disk takes it
	}
	select {
	case s.kick <- struct{}{}:
	default:
	}
	return c.Number, true, nil
}

// openedBefore is the number of a case that is there; empty: it is not. The caller holds the lock of the
// numbers.
func (s *Store) openedBefore(ctx context.Context, id call.ID) (number string, err error) {
	if o, ok := s.numbers.opened[id]; ok {
		if held, _, err := s.spool.health(); o.held && held > 0 {
			return "", fmt.Errorf("the case waits in memory, the disk takes nothing: %w", err)
		}
		return o.number, nil
	}
	if n := &s.numbers; !n.bounded {
		if err := s.reader.QueryRowContext(ctx, `SELECT coalesce(max(id), '') FROM cases`).Scan(&n.bound); err != nil {
			return "", fmt.Errorf("look for the case: %w", err)
		}
		n.bounded = true
	}
	if id > s.numbers.bound {
		return "", nil
	}
	err = s.reader.QueryRowContext(ctx, `SELECT number FROM cases WHERE id = ?`, string(id)).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for the case: %w", err)
	}
	return number, nil
}

// lastNumber is how far a year is counted. The caller holds the lock of the numbers.
func (s *Store) lastNumber(ctx context.Context, year int) (int, error) {
	n := &s.numbers
	if n.last == nil {
		n.last = map[int]int{}
	}
	if _, known := n.last[year]; !known {
		var seq int
		if err := s.reader.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM cases WHERE year = ?`, year).Scan(&seq); err != nil {
			return 0, err
		}
		n.last[year] = seq
	}
	return n.last[year], nil
}

// remember keeps a case in mind until it is among the rows. The caller holds the lock of the numbers.
func (s *Store) remember(id call.ID, o openedCase) {
	n := &s.numbers
	if n.opened == nil {
		n.opened = map[call.ID]openedCase{}
	}
	if len(n.opened) >= max(n.tidyAt, openedMost) {
		for id, o := range n.opened {
			if o.seq <= s.applied.Load() {
				delete(n.opened, id)
				n.bound = max(n.bound, id)
			}
		}
		n.tidyAt = 2 * len(n.opened) // where the rows lag, not at each case
	}
	n.opened[id] = o
}

// insertCase makes the rows of an opened case, and tells it in the journal.
func insertCase(ctx context.Context, tx *sql.Tx, seq uint64, e caseEntry) error {
	c := e.Case
	c.From = call.Number(e.From)
	done, err := tx.ExecContext(ctx, `INSERT INTO cases (id, number, year, seq, call, line, from_number, withheld, language, matter, topic, born,
		confidential, unit, assigned, state, why, opened, term, extra, forward_by, ask_by, due, forwarded, changed, answered, answer, path, length)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO NOTHING`,
		string(c.ID), c.Number, e.Year, e.Seq, string(c.Call), c.Line, c.From.Raw(), c.Withheld, string(c.Language), string(c.Matter), c.Topic, c.Born,
		c.Confidential, c.Unit, c.Assigned, string(c.State), string(c.Why), c.Opened.UnixMicro(), string(c.Term), c.Extra, micro(c.ForwardBy), micro(c.AskBy),
		micro(c.Due), micro(c.Forwarded), micro(c.Changed), micro(c.Answered), c.Answer, c.Path, c.Length.Microseconds())
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); n == 0 || err != nil {
		return err
	}
	if err := applyChange(ctx, tx, c.ID, e.With); err != nil {
		return err
	}
	data := map[string]string{"case": c.Number, "matter": string(c.Matter)}
	if c.Confidential {
		data["confidential"] = "true"
	} else {
		data["topic"], data["unit"] = c.Topic, c.Unit
	}
	at := time.Now()
	if len(e.With.Notes) > 0 {
		at = e.With.Notes[0].At
	}
	return insertEvent(ctx, tx, seq, call.Event{At: at, Call: c.Call, Name: "case.opened", Data: data})
}

// caseColumns are those of scanCase, in its order.
const caseColumns = `id, number, call, line, from_number, withheld, language, matter, topic, born, confidential, unit, assigned, state, why,
	opened, term, extra, forward_by, ask_by, due, forwarded, changed, answered, answer, path, length`

func scanCase(rows *sql.Rows) (c call.Case, err error) {
	var (
		from                                                  string
		opened, length                                        int64
		forwardBy, askBy, due, forwarded, changed, answeredAt sql.NullInt64
	)
	err = rows.Scan(&c.ID, &c.Number, &c.Call, &c.Line, &from, &c.Withheld, &c.Language, &c.Matter, &c.Topic, &c.Born, &c.Confidential, &c.Unit,
		&c.Assigned, &c.State, &c.Why, &opened, &c.Term, &c.Extra, &forwardBy, &askBy, &due, &forwarded, &changed, &answeredAt, &c.Answer, &c.Path, &length)
	c.From, c.Opened, c.Length = call.Number(from), time.UnixMicro(opened).UTC(), time.Duration(length)*time.Microsecond
	c.ForwardBy, c.AskBy, c.Due = fromMicro(forwardBy), fromMicro(askBy), fromMicro(due)
	c.Forwarded, c.Changed, c.Answered = fromMicro(forwarded), fromMicro(changed), fromMicro(answeredAt)
	return c, err
}

// Case returns the case of a number. The error is call.ErrNoCase where there is none.
func (s *Store) Case(ctx context.Context, number string) (call.Case, error) {
	if err := s.fresh(ctx); err != nil {
		return call.Case{}, err
	}
	return caseWhere(ctx, s.reader, `number = ?`, number)
}

// CaseByID returns the case of a message. The error is call.ErrNoCase where there is none.
func (s *Store) CaseByID(ctx context.Context, id call.ID) (call.Case, error) {
	if err := s.fresh(ctx); err != nil {
		return call.Case{}, err
	}
	return caseWhere(ctx, s.reader, `id = ?`, string(id))
}

func caseWhere(ctx context.Context, db querier, where string, args ...any) (call.Case, error) {
	got, err := query(ctx, db, scanCase, `SELECT `+caseColumns+` FROM cases WHERE `+where, args...)
	if err == nil && len(got) == 0 {
		err = call.ErrNoCase
	}
	if err != nil {
		return call.Case{}, err
	}
	return got[0], nil
}

// owed are the states in which a case is owed an answer.
const owed = `state IN ('registered', 'assigned')`

// Cases returns the cases that a filter chooses, the newest first.
func (s *Store) Cases(ctx context.Context, f call.CaseFilter) ([]call.Case, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("list cases: %w", err)
	}
	where, args := `(NOT confidential OR ?)`, []any{f.Confidential}
	and := func(condition string, with ...any) { where, args = where+` AND `+condition, append(args, with...) }
	if f.State != "" {
		and(`state = ?`, string(f.State))
	}
	if f.Unit != "" {
		and(`unit = ?`, f.Unit)
	}
	if !f.OverdueAt.IsZero() {
		and(owed+` AND due < ?`, f.OverdueAt.UnixMicro())
	}
	if f.Open {
		and(owed)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = -1 // SQLite: no limit
	}
	return query(ctx, s.reader, scanCase, `SELECT `+caseColumns+` FROM cases WHERE `+where+` ORDER BY year DESC, seq DESC LIMIT ?`, append(args, limit)...)
}

// CaseNotes returns the history of a case, the oldest line first.
func (s *Store) CaseNotes(ctx context.Context, number string) ([]call.CaseNote, error) {
	if err := s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("history of case %s: %w", number, err)
	}
	return query(ctx, s.reader, func(rows *sql.Rows) (n call.CaseNote, err error) {
		var at int64
		err = rows.Scan(&at, &n.Who, &n.What, &n.Note)
		n.At = time.UnixMicro(at).UTC()
		return n, err
	}, `SELECT n.at, n.who, n.what, n.note FROM case_notes n JOIN cases c ON c.id = n.case_id WHERE c.number = ? ORDER BY n.seq`, number)
}

// ChangeCase changes a case, with what goes with it, in one transaction; where change returns an error,
// which it then returns, not at all. Id, number, and what the caller left stay. change may be called
// again where the database was busy. The error is call.ErrNoCase where there is none.
func (s *Store) ChangeCase(ctx context.Context, number string, change func(*call.Case) (call.CaseChange, error)) (c call.Case, err error) {
	if err := s.fresh(ctx); err != nil {
		return call.Case{}, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		if c, err = caseWhere(ctx, tx, `number = ?`, number); err != nil {
			return err
		}
		with, err := change(&c)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE cases SET born = ?, unit = ?, assigned = ?, state = ?, why = ?, term = ?, extra = ?, forward_by = ?,
			ask_by = ?, due = ?, changed = ?, answered = ?, answer = ? WHERE number = ?`,
			c.Born, c.Unit, c.Assigned, string(c.State), string(c.Why), string(c.Term), c.Extra, micro(c.ForwardBy),
			micro(c.AskBy), micro(c.Due), micro(c.Changed), micro(c.Answered), c.Answer, number)
		if err != nil {
			return err
		}
		return applyChange(ctx, tx, c.ID, with)
	})
	return c, err
}

// applyChange makes the rows that go with a case.
func applyChange(ctx context.Context, tx *sql.Tx, id call.ID, with call.CaseChange) error {
	for _, n := range with.Notes {
		if _, err := tx.ExecContext(ctx, `INSERT INTO case_notes (case_id, at, who, what, note) VALUES (?, ?, ?, ?, ?)`,
			string(id), n.At.UnixMicro(), n.Who, n.What, n.Note); err != nil {
			return err
		}
	}
	if with.Drop {
		if _, err := tx.ExecContext(ctx, `DELETE FROM case_outbox WHERE case_id = ? AND done IS NULL`, string(id)); err != nil {
			return err
		}
	}
	for _, d := range with.Tell {
		if _, err := tx.ExecContext(ctx, `INSERT INTO case_outbox (key, unit, channel, case_id, percent, tries, next, by, done, fault)
			VALUES (?, ?, ?, ?, ?, 0, ?, ?, NULL, '') ON CONFLICT DO NOTHING`,
			d.Key, d.Unit, string(d.Channel), string(id), d.Percent, d.Next.UnixMicro(), micro(d.By)); err != nil {
			return err
		}
	}
	for _, t := range with.Tasks {
		if _, err := tx.ExecContext(ctx, `INSERT INTO tasks (id, case_id, kind, made, due, next, tries, outcome, changed)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`, string(t.ID), string(id), string(t.Kind), t.Made.UnixMicro(),
			t.Due.UnixMicro(), t.Next.UnixMicro(), t.Tries, string(t.Outcome), t.Changed.UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}
