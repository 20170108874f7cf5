package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"hotline/call"
)

// callPage is how many records are in memory at once where all are looked at.
const callPage = 1000

// EachCall gives f each record of a call that arrived at or after since, zero: all, of every kind, the newest arrival
// first, open ones too. They are read a page at a time: a folder may hold years of calls. It sees all that was
// written before it was called, and ends with f's first error.
func (s *Store) EachCall(ctx context.Context, since time.Time, f func(call.Record) error) error {
	return s.eachCall(ctx, since, callPage, f)
}

func (s *Store) eachCall(ctx context.Context, since time.Time, most int, f func(call.Record) error) error {
	if err := s.fresh(ctx); err != nil {
		return fmt.Errorf("read calls: %w", err)
	}
	first := int64(math.MinInt64)
	if !since.IsZero() {
		first = since.UnixMicro()
	}
	arrived, id := int64(math.MaxInt64), call.ID("")
	for {
		page, err := s.calls(ctx, `SELECT `+columns+` FROM calls WHERE arrived >= ? AND (arrived, id) < (?, ?)
			ORDER BY arrived DESC, id DESC LIMIT ?`, first, arrived, string(id), most)
		if err != nil {
			return fmt.Errorf("read calls: %w", err)
		}
		for _, r := range page {
			if err := f(r); err != nil {
				return err
			}
		}
		if len(page) < most {
			return nil
		}
		last := page[len(page)-1]
		arrived, id = last.Arrived.UnixMicro(), last.ID
	}
}
