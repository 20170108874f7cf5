package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"hotline/call"
)

// A HoldFilter chooses holds.
type HoldFilter struct {
	At   time.Time // only those that bind then; zero: all there ever were
	Call call.ID   // only those of a call; empty: of all
	ID   int64     // only that one; 0: any
}

// Holds lists holds, the oldest first.
func (s *Store) Holds(ctx context.Context, f HoldFilter) ([]call.Hold, error) {
	list, err := query(ctx, s.reader, scanHold, `SELECT id, why, by, at, until, lifted, lifted_why, lifted_by, lifted_with,
			(SELECT json_group_array(call) FROM hold_calls WHERE hold = id)
		FROM holds WHERE (?1 IS NULL OR lifted IS NULL AND (until IS NULL OR until > ?1))
			AND (?2 = '' OR EXISTS (SELECT 1 FROM hold_calls WHERE hold = id AND call = ?2)) AND (?3 = 0 OR id = ?3) ORDER BY id`,
		micro(f.At), string(f.Call), f.ID)
	if err != nil {
		return nil, fmt.Errorf("list holds: %w", err)
	}
	return list, nil
}

func scanHold(rows *sql.Rows) (h call.Hold, err error) {
	var at int64
	var until, lifted sql.NullInt64
	var calls []byte
	if err := rows.Scan(&h.ID, &h.Why, &h.By, &at, &until, &lifted, &h.LiftedWhy, &h.LiftedBy, &h.LiftedWith, &calls); err != nil {
		return h, err
	}
	h.At, h.Until, h.Lifted = time.UnixMicro(at).UTC(), fromMicro(until), fromMicro(lifted)
	return h, json.Unmarshal(calls, &h.Calls)
}

// AddHold places a hold on calls, and tells the journal of each. When it returns, the hold outlives the process.
func (s *Store) AddHold(ctx context.Context, h call.Hold) (call.Hold, error) {
	err := h.Check(h.At)
	if h.At.IsZero() {
		err = errors.Join(err, errors.New("a hold says when it was ordered"))
	}
	if err != nil {
		return h, fmt.Errorf("place a hold: %w", err)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO holds (why, by, at, until) VALUES (?, ?, ?, ?)`, h.Why, h.By, micro(h.At), micro(h.Until))
		if err != nil {
			return err
		}
		if h.ID, err = res.LastInsertId(); err != nil {
			return err
		}
		for _, id := range h.Calls {
			if _, err := tx.ExecContext(ctx, `INSERT INTO hold_calls (hold, call) VALUES (?, ?) ON CONFLICT DO NOTHING`, h.ID, string(id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return h, fmt.Errorf("place a hold: %w", err)
	}
	data := map[string]string{"hold": strconv.FormatInt(h.ID, 10), "by": h.By, "why": h.Why}
	if !h.Until.IsZero() {
		data["until"] = h.Until.UTC().Format(time.RFC3339)
	}
	for _, id := range h.Calls {
		s.Event(call.Event{At: h.At, Call: id, Name: "recording.held", Data: data})
	}
	return h, nil
}

// LiftHold ends a hold; ErrUnknown: there is none of this number that has not been lifted.
func (s *Store) LiftHold(ctx context.Context, id int64, by, with, why string, at time.Time) (h call.Hold, err error) {
	if err := call.TwoPersons(by, with); err != nil {
		return h, fmt.Errorf("lift a hold: %w", err)
	}
	if why == "" {
		return h, errors.New("lift a hold: say why")
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE holds SET lifted = ?, lifted_why = ?, lifted_by = ?, lifted_with = ? WHERE id = ? AND lifted IS NULL`,
			micro(at), why, by, with, id)
		return oneRow(res, err, ErrUnknown)
	})
	if err != nil {
		return h, fmt.Errorf("lift hold %d: %w", id, err)
	}
	list, err := s.Holds(ctx, HoldFilter{ID: id})
	if err != nil || len(list) != 1 {
		return h, errors.Join(err, fmt.Errorf("hold %d was lifted and cannot be read", id))
	}
	for _, c := range list[0].Calls {
		s.Event(call.Event{At: at, Call: c, Name: "recording.released", Data: map[string]string{
			"hold": strconv.FormatInt(id, 10), "by": by, "with": with, "why": why,
		}})
	}
	return list[0], nil
}
