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

const (
	// floorKeep is how long the floor's journal is kept: a quarter, over which service levels are
	// reported and complaints come in.
	floorKeep = 90 * 24 * time.Hour

	// floorPrune is how often old rows of it are removed, and pruneRows how many at once: a few
	// milliseconds, in which the spool takes what calls write.
	floorPrune = time.Minute
	pruneRows  = 500

	// walkRows is how many rows a reader of the journal is given at a time.
	walkRows = 500
)

// A Book is the floor's journal.
type Book struct{ s *Store }

// Book is the floor's journal.
func (s *Store) Book() Book { return Book{s} }

// Append writes one decision. Like all that calls write it goes to the spool and waits for nobody;
// trouble is logged and shown by Healthy.
func (b Book) Append(d call.Decision) {
	if err := b.s.put(kindDecision, d); err != nil {
		b.s.log.Error("a decision of the floor was not written", zap.String("call", string(d.Call)), zap.String("kind", d.Kind), zap.Error(err))
	}
}

// Past is what a floor needs to go on: the last checkpoints, at most two, and all that came after
// the older of them, in the order of the journal. Without a checkpoint it is empty.
func (b Book) Past(ctx context.Context) ([]call.Decision, error) {
	if err := b.s.fresh(ctx); err != nil {
		return nil, fmt.Errorf("read the floor's past: %w", err)
	}
	return query(ctx, b.s.reader, scanDecision, `SELECT seq, at, call, kind, event, commands FROM floor_journal
		WHERE seq >= (`+olderCheckpoint+`) ORDER BY seq`)
}

// olderCheckpoint is the number of the last checkpoint but one, or of the only one.
const olderCheckpoint = `SELECT min(seq) FROM (SELECT seq FROM floor_journal WHERE kind = 'checkpoint' ORDER BY seq DESC LIMIT 2)`

// Before is the number of the last decision before a time (zero: 0), from which Walk goes on.
func (b Book) Before(ctx context.Context, at time.Time) (seq uint64, err error) {
	if at.IsZero() {
		return 0, nil
	}
	if err := b.s.fresh(ctx); err != nil {
		return 0, fmt.Errorf("read the floor's journal: %w", err)
	}
	// The clock may have been set back: the first that is late enough decides.
	err = b.s.reader.QueryRowContext(ctx, `SELECT coalesce((SELECT min(seq) FROM floor_journal WHERE at >= ?) - 1,
		(SELECT max(seq) FROM floor_journal), 0)`, at.UnixNano()).Scan(&seq)
	if err != nil {
		return 0, fmt.Errorf("read the floor's journal: %w", err)
	}
	return seq, nil
}

// Walk tells every decision after a number, in the order of the journal, until tell returns an
// error, which it returns. It gives the number of the last one that was told. Checkpoints are not
// among them.
func (b Book) Walk(ctx context.Context, after uint64, tell func(call.Decision) error) (last uint64, err error) {
	if err := b.s.fresh(ctx); err != nil {
		return after, fmt.Errorf("read the floor's journal: %w", err)
	}
	for {
		rows, err := query(ctx, b.s.reader, scanDecision, `SELECT seq, at, call, kind, event, commands FROM floor_journal
			WHERE seq > ? AND kind NOT IN ('checkpoint', 'unreadable') ORDER BY seq LIMIT ?`, int64(after), walkRows)
		if err != nil {
			return after, fmt.Errorf("read the floor's journal: %w", err)
		}
		for _, d := range rows {
			if err := tell(d); err != nil {
				return after, err
			}
			after = d.Seq
		}
		if len(rows) < walkRows {
			return after, nil
		}
	}
}

// Record is a call's record as it is committed: Walk has waited for what was written before it, and
// a look at each of many calls must not make the committer sync each time. False: there is none.
func (b Book) Record(ctx context.Context, id call.ID) (call.Record, bool, error) {
	got, err := b.s.calls(ctx, `SELECT `+columns+` FROM calls WHERE id = ?`, string(id))
	if err != nil || len(got) == 0 {
		return call.Record{}, false, err
	}
	return got[0], true, nil
}

// Events are those of a call, as they are committed.
func (b Book) Events(ctx context.Context, id call.ID) ([]call.Event, error) {
	return b.s.events(ctx, id)
}

func scanDecision(rows *sql.Rows) (d call.Decision, err error) {
	var (
		seq, at         int64
		id              string
		event, commands string
	)
	err = rows.Scan(&seq, &at, &id, &d.Kind, &event, &commands)
	d.Seq, d.At, d.Call = uint64(seq), time.Unix(0, at).UTC(), call.ID(id)
	d.Event, d.Commands = json.RawMessage(event), json.RawMessage(commands)
	return d, err
}

// insertDecision writes a row of the floor's journal. Of checkpoints the last two stay.
func insertDecision(ctx context.Context, tx *sql.Tx, seq uint64, d call.Decision) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO floor_journal (seq, at, call, kind, event, commands) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (seq) DO NOTHING`, int64(seq), d.At.UnixNano(), string(d.Call), d.Kind, string(d.Event), string(d.Commands))
	if err == nil && d.Kind == call.Checkpoint {
		_, err = tx.ExecContext(ctx, `DELETE FROM floor_journal WHERE kind = 'checkpoint' AND seq < (`+olderCheckpoint+`)`)
	}
	return err
}

// prune removes rows of the floor's journal that are too old, but none that a restart would need. It
// returns whether there may be more.
func (s *Store) prune(ctx context.Context) (more bool, err error) {
	err = s.writeOnce(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `DELETE FROM floor_journal WHERE seq IN (SELECT seq FROM floor_journal
			WHERE at < ? AND seq < (`+olderCheckpoint+`) ORDER BY at LIMIT ?)`, s.now().Add(-floorKeep).UnixNano(), pruneRows)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		more = n == pruneRows
		return err
	})
	return more, err
}
