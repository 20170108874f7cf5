package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hotline/call"
)

// ErrCaseMove says that a case cannot go where it is asked to.
var ErrCaseMove = call.ErrCaseMove

// OpenCase registers a case, with the letters about it, in one transaction: when it returns, the case
// outlives the process. Its number is the next of its year. The case of a message that has one already is
// given as it stands: nothing is opened twice. opened is false then.
func (s *Store) OpenCase(ctx context.Context, c call.Case, letters []call.Letter) (_ call.Case, opened bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		opened = false
		var year, seq int
		err := tx.QueryRowContext(ctx, `SELECT year, seq FROM cases WHERE id = ?`, string(c.ID)).Scan(&year, &seq)
		switch {
		case err == nil:
			c.Number = call.CaseNumber(year, seq)
			return nil
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		year = c.Opened.Year() // where the body is
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) + 1 FROM cases WHERE year = ?`, year).Scan(&seq); err != nil {
			return err
		}
		c.Number, c.State = call.CaseNumber(year, seq), call.CaseRegistered
		_, err = tx.ExecContext(ctx, `INSERT INTO cases (id, year, seq, call, line, from_number, language, matter, topic, unit, born,
			confidential, state, opened, due, forward, message, length_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			string(c.ID), year, seq, string(c.Call), c.Line, c.From.Raw(), string(c.Language), string(c.Matter), c.Topic, c.Unit, c.Born,
			c.Confidential, string(c.State), micro(c.Opened), micro(c.Due), micro(c.Forward), c.Message, c.Length.Milliseconds())
		if err != nil {
			return err
		}
		opened = true
		if err := note(ctx, tx, c.ID, call.CaseEntry{At: c.Opened, By: "hotline", What: "registered"}); err != nil {
			return err
		}
		return post(ctx, tx, letters)
	})
	if err != nil {
		return c, false, fmt.Errorf("open a case: %w", err)
	}
	if !opened {
		c, err = s.Case(ctx, c.ID)
	}
	return c, opened, err
}

func note(ctx context.Context, tx *sql.Tx, id call.ID, e call.CaseEntry) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO case_history (case_id, at, by, what, text) VALUES (?, ?, ?, ?, ?)`,
		string(id), micro(e.At), e.By, e.What, e.Text)
	return err
}

// post puts letters into the outbox. One that is there already stays.
func post(ctx context.Context, tx *sql.Tx, letters []call.Letter) error {
	for _, l := range letters {
		if _, err := tx.ExecContext(ctx, `INSERT INTO letters (key, way, case_id, unit, kind, made, next) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, l.Key, l.Way, string(l.Case), l.To, l.Kind, micro(l.Made), micro(l.Next)); err != nil {
			return err
		}
	}
	return nil
}

const caseColumns = `id, year, seq, call, line, from_number, language, matter, topic, unit, born, confidential, state, assigned,
	opened, due, forward, extended, sent, answer, closed, message, length_ms`

func scanCase(rows *sql.Rows) (c call.Case, err error) {
	var (
		id, from, lang, matter, state, of string
		year, seq                         int
		opened, due, forward, length      int64
		sent, closed                      sql.NullInt64
	)
	err = rows.Scan(&id, &year, &seq, &of, &c.Line, &from, &lang, &matter, &c.Topic, &c.Unit, &c.Born, &c.Confidential, &state, &c.Assigned,
		&opened, &due, &forward, &c.Extended, &sent, &c.Answer, &closed, &c.Message, &length)
	c.ID, c.Call, c.Number, c.From = call.ID(id), call.ID(of), call.CaseNumber(year, seq), call.Number(from)
	c.Language, c.Matter, c.State = call.Language(lang), call.Matter(matter), call.CaseState(state)
	c.Opened, c.Due, c.Forward = time.UnixMicro(opened).UTC(), time.UnixMicro(due).UTC(), time.UnixMicro(forward).UTC()
	c.Sent, c.Closed, c.Length = fromMicro(sent), fromMicro(closed), time.Duration(length)*time.Millisecond
	return c, err
}

// Case is one case with its history; ErrUnknown: there is none of this id.
func (s *Store) Case(ctx context.Context, id call.ID) (call.Case, error) {
	return s.oneCase(ctx, `id = ?`, string(id))
}

// CaseOf is the case of a number, YYYY-NNNNNN.
func (s *Store) CaseOf(ctx context.Context, number string) (call.Case, error) {
	year, seq, ok := strings.Cut(number, "-")
	y, err1 := strconv.Atoi(year)
	n, err2 := strconv.Atoi(seq)
	if !ok || err1 != nil || err2 != nil {
		return call.Case{}, fmt.Errorf("%w: %q is no number of a case, write YYYY-NNNNNN", ErrUnknown, number)
	}
	return s.oneCase(ctx, `year = ? AND seq = ?`, y, n)
}

func (s *Store) oneCase(ctx context.Context, where string, args ...any) (c call.Case, err error) {
	list, err := query(ctx, s.reader, scanCase, `SELECT `+caseColumns+` FROM cases WHERE `+where, args...)
	if err != nil {
		return c, fmt.Errorf("read a case: %w", err)
	}
	if len(list) == 0 {
		return c, fmt.Errorf("%w: there is no such case", ErrUnknown)
	}
	c = list[0]
	c.History, err = query(ctx, s.reader, func(rows *sql.Rows) (e call.CaseEntry, err error) {
		var at int64
		err = rows.Scan(&at, &e.By, &e.What, &e.Text)
		e.At = time.UnixMicro(at).UTC()
		return e, err
	}, `SELECT at, by, what, text FROM case_history WHERE case_id = ? ORDER BY id`, string(c.ID))
	return c, err
}

// A CaseFilter chooses cases. Empty fields choose all.
type CaseFilter struct {
	State        call.CaseState
	Unit         string
	Overdue      time.Time // not zero: those that were due before, and are not answered
	Open         bool      // not closed
	Confidential bool      // those too
	Limit        int       // 0: all
}

// Cases lists cases, the newest first, without their histories.
func (s *Store) Cases(ctx context.Context, f CaseFilter) ([]call.Case, error) {
	where, args := []string{"1"}, []any{}
	add := func(w string, a ...any) { where, args = append(where, w), append(args, a...) }
	if f.State != "" {
		add("state = ?", string(f.State))
	}
	if f.Unit != "" {
		add("unit = ?", f.Unit)
	}
	if !f.Overdue.IsZero() {
		add("state IN ('registered', 'assigned') AND due < ?", micro(f.Overdue))
	}
	if f.Open {
		add("state <> 'closed'")
	}
	if !f.Confidential {
		add("confidential = 0")
	}
	q := `SELECT ` + caseColumns + ` FROM cases WHERE ` + strings.Join(where, " AND ") + ` ORDER BY year DESC, seq DESC`
	if f.Limit > 0 {
		q += ` LIMIT ` + strconv.Itoa(f.Limit)
	}
	list, err := query(ctx, s.reader, scanCase, q, args...)
	if err != nil {
		return nil, fmt.Errorf("list cases: %w", err)
	}
	return list, nil
}

// CountCases counts the cases of each state, and those whose term is over at now without an answer.
func (s *Store) CountCases(ctx context.Context, now time.Time) (by map[call.CaseState]int, overdue int, err error) {
	by = map[call.CaseState]int{}
	_, err = query(ctx, s.reader, func(r *sql.Rows) (struct{}, error) {
		var state call.CaseState
		var all, late int
		err := r.Scan(&state, &all, &late)
		by[state] = all
		if state == call.CaseRegistered || state == call.CaseAssigned {
			overdue += late
		}
		return struct{}{}, err
	}, `SELECT state, count(*), count(CASE WHEN due < ? THEN 1 END) FROM cases GROUP BY state`, micro(now))
	if err != nil {
		return nil, 0, fmt.Errorf("count cases: %w", err)
	}
	return by, overdue, nil
}

// CasesOf gives the cases of calls, by call, without their histories.
func (s *Store) CasesOf(ctx context.Context, ids []call.ID) (map[call.ID][]call.Case, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("cases of calls: %w", err)
	}
	rows, err := query(ctx, s.reader, scanCase,
		`SELECT `+caseColumns+` FROM cases WHERE call IN (SELECT value FROM json_each(?)) ORDER BY year, seq`, string(list))
	if err != nil {
		return nil, fmt.Errorf("cases of calls: %w", err)
	}
	out := map[call.ID][]call.Case{}
	for _, c := range rows {
		out[c.Call] = append(out[c.Call], c)
	}
	return out, nil
}

// A CaseChange is what is done to a case. Zero fields leave what is.
type CaseChange struct {
	Entry    call.CaseEntry // always written
	State    call.CaseState
	Assigned string
	Unit     string
	Answer   string
	Due      time.Time // a new term, with the letters that remind of it
	Extended bool
	Born     string // DDMMYYYY
	Letters  []call.Letter
	Task     *call.CaseTask
}

// ChangeCase does something to a case. ErrCaseMove: it cannot go on so.
func (s *Store) ChangeCase(ctx context.Context, number string, change CaseChange) (call.Case, error) {
	c, err := s.CaseOf(ctx, number)
	if err != nil {
		return c, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		was, err := one(query(ctx, tx, scanCase, `SELECT `+caseColumns+` FROM cases WHERE id = ?`, string(c.ID)))
		if err != nil {
			return err
		}
		return changeCase(ctx, tx, was, change)
	})
	if err != nil {
		return c, fmt.Errorf("case %s: %w", number, err)
	}
	return s.Case(ctx, c.ID)
}

func changeCase(ctx context.Context, tx *sql.Tx, c call.Case, change CaseChange) error {
	if change.State != "" {
		if err := c.May(change.State); err != nil {
			return err
		}
		c.State = change.State
	}
	if change.Extended && c.Extended {
		return fmt.Errorf("%w be extended twice", ErrCaseMove)
	}
	if change.Assigned != "" {
		c.Assigned = change.Assigned
	}
	if change.Unit != "" {
		c.Unit = change.Unit
	}
	if change.Answer != "" {
		c.Answer = change.Answer
	}
	if !change.Due.IsZero() {
		c.Due = change.Due
	}
	if change.Born != "" {
		c.Born = change.Born
	}
	if change.State == call.CaseClosed {
		c.Closed = change.Entry.At
	}
	if _, err := tx.ExecContext(ctx, `UPDATE cases SET state = ?, assigned = ?, unit = ?, born = ?, answer = ?, due = ?, extended = ?, closed = ? WHERE id = ?`,
		string(c.State), c.Assigned, c.Unit, c.Born, c.Answer, micro(c.Due), c.Extended || change.Extended, micro(c.Closed), string(c.ID)); err != nil {
		return err
	}
	if c.State == call.CaseAnswered || c.State == call.CaseClosed || !change.Due.IsZero() { // nobody has to be reminded of what was
		if _, err := tx.ExecContext(ctx, `UPDATE letters SET arrived = 0 WHERE case_id = ? AND kind NOT IN ('forward', 'unreached') AND arrived IS NULL`, string(c.ID)); err != nil {
			return err
		}
	}
	if change.Unit != "" { // whoever had it before is told nothing more
		if _, err := tx.ExecContext(ctx, `UPDATE letters SET arrived = 0 WHERE case_id = ? AND unit <> ? AND arrived IS NULL`, string(c.ID), c.Unit); err != nil {
			return err
		}
	}
	if t := change.Task; t != nil {
		if _, err := tx.ExecContext(ctx, `INSERT INTO case_tasks (case_id, due, outcome, made) VALUES (?, ?, ?, ?)
			ON CONFLICT (case_id) DO UPDATE SET due = excluded.due, tries = 0, outcome = excluded.outcome, made = excluded.made, last = NULL, ticket = ''
			WHERE case_tasks.outcome <> 'calling'`, // who is being called is not called twice
			string(c.ID), micro(t.Due), string(call.TaskOpen), micro(t.Made)); err != nil {
			return err
		}
	}
	if err := post(ctx, tx, change.Letters); err != nil {
		return err
	}
	return note(ctx, tx, c.ID, change.Entry)
}

// Letters are those that are to be sent now, the oldest first, at most so many for each unit and way: a
// long row of letters to one leaves the others their place. It is the courier's.
func (s *Store) Letters(ctx context.Context, now time.Time, most int) ([]call.Letter, error) {
	list, err := query(ctx, s.reader, func(rows *sql.Rows) (l call.Letter, err error) {
		var id string
		var made, next int64
		err = rows.Scan(&l.Key, &l.Way, &id, &l.To, &l.Kind, &made, &next, &l.Tries)
		l.Case, l.Made, l.Next = call.ID(id), time.UnixMicro(made).UTC(), time.UnixMicro(next).UTC()
		return l, err
	}, `SELECT key, way, case_id, unit, kind, made, next, tries FROM
		(SELECT *, row_number() OVER (PARTITION BY unit, way ORDER BY next, key) AS place FROM letters WHERE arrived IS NULL AND next <= ?)
		WHERE place <= ? ORDER BY next, key`, micro(now), most)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return list, nil
}

// LettersWaiting is how many letters have been due and have not arrived, and of how many cases that should
// have been with their unit by now.
func (s *Store) LettersWaiting(ctx context.Context, now time.Time) (waiting, late int, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT count(*), count(DISTINCT CASE WHEN l.kind = 'forward' AND c.forward < ?1 THEN c.id END)
		FROM letters l JOIN cases c ON c.id = l.case_id WHERE l.arrived IS NULL AND (l.next <= ?1 OR l.tries > 0)`, micro(now)).Scan(&waiting, &late)
	return waiting, late, err
}

// LetterArrived says that a letter has arrived.
func (s *Store) LetterArrived(ctx context.Context, l call.Letter, at time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE letters SET arrived = ? WHERE key = ? AND way = ? AND arrived IS NULL`, micro(at), l.Key, l.Way)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if l.Kind == "forward" {
			if _, err := tx.ExecContext(ctx, `UPDATE cases SET sent = coalesce(sent, ?) WHERE id = ?`, micro(at), string(l.Case)); err != nil {
				return err
			}
		}
		return note(ctx, tx, l.Case, call.CaseEntry{At: at, By: "hotline", What: "letter." + l.Kind, Text: l.To + " by " + l.Way})
	})
}

// LetterFailed says when a letter is tried again.
func (s *Store) LetterFailed(ctx context.Context, l call.Letter, next time.Time, class string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE letters SET tries = tries + 1, next = ?, class = ? WHERE key = ? AND way = ? AND arrived IS NULL`,
			micro(next), class, l.Key, l.Way)
		return err
	})
}
