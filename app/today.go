package app

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"hotline/call"
	"hotline/call/wire"
	"hotline/queue"
	"hotline/store"
)

// today folds the floor's journal since midnight: what a day has come to does not begin anew with a
// restart, as counters do. Each look reads only what is new.
type today struct {
	book store.Book
	zone *time.Location
	now  func() time.Time

	mu       sync.Mutex
	midnight time.Time
	after    uint64 // the last decision that is folded
	queues   map[string]wire.Today
}

// count is what each queue's day has come to.
func (t *today) count(ctx context.Context) (map[string]wire.Today, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	y, m, d := t.now().In(t.zone).Date()
	if midnight := time.Date(y, m, d, 0, 0, 0, 0, t.zone); !midnight.Equal(t.midnight) {
		after, err := t.book.Before(ctx, midnight)
		if err != nil {
			return nil, err
		}
		t.midnight, t.after, t.queues = midnight, after, map[string]wire.Today{}
	}
	after, err := t.book.Walk(ctx, t.after, t.fold)
	t.after = after
	if err != nil {
		return nil, err
	}
	return maps.Clone(t.queues), nil
}

// Words without which a decision has nothing to count: most are not even parsed.
var (
	connectedWord = []byte(`"connected"`)
	abandonedWord = []byte(`"abandoned"`)
)

// fold counts a call once, however often it is passed on, and no callback, as the metrics do.
func (t *today) fold(d call.Decision) error {
	if d.At.Before(t.midnight) || !bytes.Contains(d.Commands, connectedWord) && !bytes.Contains(d.Commands, abandonedWord) {
		return nil
	}
	cmds, err := queue.DecodeCommands(d.Commands)
	if err != nil {
		return fmt.Errorf("decision %d: %w", d.Seq, err)
	}
	for _, c := range cmds {
		switch c := c.(type) {
		case queue.Connected:
			if c.Again || c.Callback {
				continue
			}
			q := t.queues[c.Queue]
			q.Answered++
			q.AnsweredWithin += one(c.InTarget)
			t.queues[c.Queue] = q
		case queue.Abandoned:
			q := t.queues[c.Queue]
			q.Abandoned++
			q.AbandonedWithin += one(c.InTarget)
			q.AbandonedShort += one(c.Short)
			t.queues[c.Queue] = q
		}
	}
	return nil
}

func one(so bool) int {
	if so {
		return 1
	}
	return 0
}
