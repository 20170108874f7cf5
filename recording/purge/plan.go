package purge

import (
	"context"
	"fmt"
	"time"

	"hotline/recording/retention"
)

// A Plan is what the next pass would do.
type Plan struct {
	At      time.Time
	Stopped string        // why nothing would be erased, by the clock; empty: it is believed
	Left    time.Duration // how much longer it must then go right
	Due     []Erasure     // would be erased now
	Held    []Kept        // would be, but for a hold or a case
	Next    *Erasure      // what comes due next; nil: nothing that is there now, as far as is known
}

// Plan says what is due, what is held back, and what comes due next. It changes nothing.
func (r *Reaper) Plan(ctx context.Context) (p Plan, err error) {
	now, rules := r.o.Now(), r.o.Rules()
	p.At = now
	p.Stopped, p.Left = r.clock.Stopped()
	holds, err := r.o.Rows.Holding(ctx, now)
	if err != nil {
		return p, fmt.Errorf("look for what is due: %w", err)
	}
	err = r.each(ctx, rules.Zone, func(folder string, day time.Time) (bool, error) {
		soonest := retention.Over(day, rules.Shortest(), rules.Zone)
		if now.Before(soonest) && p.Next != nil && p.Next.Due.Before(soonest) {
			return false, nil // what this day and later ones have comes due later
		}
		list, _, err := r.unerased(ctx, folder, day, holds, now)
		for _, j := range list {
			if j.due(now) {
				p.Due = append(p.Due, r.erasure(j, now))
			} else if why := j.verdict.HeldBack(now); why != "" {
				p.Held = append(p.Held, j.kept(why))
			} else if due := j.verdict.Due; !due.IsZero() && len(j.verdict.Holds) == 0 && (p.Next == nil || due.Before(p.Next.Due)) {
				e := r.erasure(j, now)
				p.Next = &e
			}
		}
		return err == nil, err
	})
	if err != nil {
		return p, fmt.Errorf("look for what is due: %w", err)
	}
	return p, nil
}
