package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"hotline/call"
)

// The kinds of entries. They are on disk: a name keeps its meaning for ever.
const (
	kindArrived   = "arrived"
	kindEvent     = "event"
	kindClosed    = "closed"
	kindSealed    = "sealed"
	kindDialog    = "dialog"
	kindUndialog  = "undialog"
	kindBinding   = "binding"
	kindUnbinding = "unbinding"
	kindDecision  = "decision"
	kindOpinion   = "opinion"
)

// sealedEntry is the body of kindSealed.
type sealedEntry struct {
	Call  call.ID `json:"call"`
	Path  string  `json:"path"`
	State string  `json:"state"`

	Why call.Unrecorded `json:"why,omitempty"`
}

// recordEntry is the body of kindArrived and kindClosed: a record with the caller's number whole,
// which masks itself wherever it is not asked for.
type recordEntry struct {
	call.Record
	From string
}

// bindingKey is the body of kindUnbinding.
type bindingKey struct {
	User    string `json:"user"`
	Contact string `json:"contact"`
}

// put appends one entry. It takes microseconds and never waits for SQL or a sync.
func (s *Store) put(kind string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write %s: %w", kind, err)
	}
	err = s.spool.append(kind, b)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	if err != nil {
		if !errors.Is(err, errClosed) {
			s.metrics.unwritten.Inc()
		}
		return fmt.Errorf("write %s: %w", kind, err)
	}
	return nil
}

// Arrived opens the record of a call. Once per call: a second one changes nothing.
//
// Like all methods of this file it returns as soon as the spool has the entry. An error says
// that the disk did not take it; it is then kept in memory and written later, so the call
// should go on.
func (s *Store) Arrived(r call.Record) error {
	if r.ID == "" || r.Arrived.IsZero() {
		return errors.New("a record needs an id and the time of arrival")
	}
	return s.put(kindArrived, recordEntry{r, r.From.Raw()})
}

// Event appends to the journal. Trouble is logged and shown by Healthy: nobody who tells what
// happened can do anything about it.
func (s *Store) Event(e call.Event) {
	if err := s.put(kindEvent, e); err != nil {
		s.log.Error("an event was not written", zap.String("call", string(e.Call)), zap.String("event", e.Name), zap.Error(err))
	}
}

// Closed closes the record of a call with all that is known at its end. Exactly one counts: a
// second one for the same call is dropped, logged and counted. A call whose arrival is not
// known is written whole. An empty Recording leaves what RecordingSealed has said.
func (s *Store) Closed(r call.Record) error {
	switch {
	case r.ID == "" || r.Arrived.IsZero() || r.Ended.IsZero():
		return errors.New("a closing record needs an id and the times of arrival and end")
	case !slices.Contains(call.Outcomes, r.Outcome):
		return fmt.Errorf("a closing record has no outcome %q", r.Outcome)
	}
	return s.put(kindClosed, recordEntry{r, r.From.Raw()})
}

// RecordingSealed adds what became of a call's recording: its path relative to the data
// folder, and "sealed" or "interrupted". It may come before or after Closed.
func (s *Store) RecordingSealed(id call.ID, path, state string) {
	if err := s.put(kindSealed, sealedEntry{Call: id, Path: path, State: state}); err != nil {
		s.log.Error("the end of a recording was not written", zap.String("call", string(id)), zap.Error(err))
	}
}

// stateMissing is what became of a recording that there is not.
const stateMissing = "missing"

// RecordingMissing says that an answered call has no recording, and why. It may come before or after Closed.
func (s *Store) RecordingMissing(id call.ID, why call.Unrecorded) {
	if err := s.put(kindSealed, sealedEntry{Call: id, State: stateMissing, Why: why}); err != nil {
		s.log.Error("that a recording is missing was not written", zap.String("call", string(id)), zap.Error(err))
	}
}

// PutDialog remembers a dialog, or its new state, so that it can be ended after a crash.
func (s *Store) PutDialog(d call.Dialog) error {
	if d.Leg == "" {
		return errors.New("a dialog needs the id of its leg")
	}
	return s.put(kindDialog, d)
}

// RemoveDialog forgets the dialog of a leg. One that is not known is no error.
func (s *Store) RemoveDialog(leg string) error { return s.put(kindUndialog, leg) }

// apply turns one entry into rows.
func (s *Store) apply(ctx context.Context, tx *sql.Tx, e entry) error {
	switch e.kind {
	case kindArrived:
		return applyAs(e, func(r call.Record) error { return insertCall(ctx, tx, r) })
	case kindClosed:
		return applyAs(e, func(r call.Record) error { return s.closeCall(ctx, tx, r) })
	case kindEvent:
		return applyAs(e, func(ev call.Event) error { return insertEvent(ctx, tx, e.seq, ev) })
	case kindSealed:
		return applyAs(e, func(v sealedEntry) error {
			_, err := tx.ExecContext(ctx, `UPDATE calls SET recording = ?, recording_state = ?, unrecorded = ? WHERE id = ?`,
				v.Path, v.State, string(v.Why), string(v.Call))
			return err
		})
	case kindDialog:
		return applyAs(e, func(d call.Dialog) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO dialogs (leg, call, state) VALUES (?, ?, ?)
				ON CONFLICT (leg) DO UPDATE SET call = excluded.call, state = excluded.state`,
				d.Leg, string(d.Call), string(e.body))
			return err
		})
	case kindUndialog:
		return applyAs(e, func(leg string) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM dialogs WHERE leg = ?`, leg)
			return err
		})
	case kindBinding:
		return applyAs(e, func(b call.Binding) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO bindings (user, contact, expires, state) VALUES (?, ?, ?, ?)
				ON CONFLICT (user, contact) DO UPDATE SET expires = excluded.expires, state = excluded.state`,
				b.User, b.Contact, b.Expires.UnixMicro(), string(e.body))
			return err
		})
	case kindDecision:
		return applyAs(e, func(d call.Decision) error { return insertDecision(ctx, tx, e.seq, d) })
	case kindOpinion:
		return applyAs(e, func(o call.Opinion) error { return insertOpinion(ctx, tx, o) })
	case kindUnbinding:
		return applyAs(e, func(k bindingKey) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM bindings WHERE user = ? AND contact = ?`, k.User, k.Contact)
			return err
		})
	}
	return fmt.Errorf("%w: unknown kind", errMalformed)
}

func applyAs[T any](e entry, f func(T) error) error {
	var v T
	if err := json.Unmarshal(e.body, &v); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return f(v)
}
