package purge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hotline/call"
	"hotline/recording/retention"
)

const (
	// batch is how many are erased before whoever wants to place a hold gets their turn: each takes half a dozen
	// syncs, so it is a second or two.
	batch = 20

	// most is how many one certificate lists: the plan of a run is written anew after each batch.
	most = 1000
)

// tried is what a pass has tried to erase: each once, or what cannot be taken away would hold it up for ever.
type tried map[erasureKey]bool

// An erasureKey tells erasures from one another.
type erasureKey struct {
	kind string
	id   call.ID
}

func (e Erasure) key() erasureKey { return erasureKey{e.Kind, e.ID} }

// Pass erases what is due now, and finishes what a run before has left. ErrClock: the time is not believed, and
// nothing was done. Other errors are the disk's, the database's, and of whoever stands before the sound; what
// could not be erased is tried again by the next pass.
func (r *Reaper) Pass(ctx context.Context) (err error) {
	r.passing.Lock()
	defer r.passing.Unlock()
	if !r.look() {
		why, _ := r.clock.Stopped()
		return fmt.Errorf("%w: %s", ErrClock, why)
	}
	defer func() {
		if err != nil {
			r.metrics.failures.Inc()
			return
		}
		r.metrics.last.Set(float64(r.o.Now().Unix()))
	}()
	run, err := r.begin()
	if err != nil {
		return err
	}
	tried := tried{}
	for {
		more, err := r.pass(ctx, run, tried)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		run = r.newRun(run.Stuck)
	}
	if len(run.Stuck) > 0 {
		return fmt.Errorf("%w: %d", ErrStuck, len(run.Stuck))
	}
	return nil
}

// pass is one certificate's worth. more says that there may be more.
func (r *Reaper) pass(ctx context.Context, run *run, tried tried) (more bool, err error) {
	begun := slices.Concat(run.Now, run.Stuck) // what a run before was at, and what it could not
	run.Now, run.Stuck = nil, nil
	var again []Erasure
	for _, e := range begun {
		if tried[e.key()] {
			run.Stuck = append(run.Stuck, e)
		} else {
			again = append(again, e)
		}
	}
	left, err := r.inBatches(ctx, run, again, tried)
	errs := []error{err}
	run.Now = append(run.Now, left...)
	found, err := r.due(ctx, run, tried)
	errs = append(errs, err)
	more = len(found) >= most
	if errors.Join(errs...) == nil {
		found, err = r.inBatches(ctx, run, found, tried)
		errs = append(errs, err)
	}
	r.overdue(slices.Concat(found, run.Now, run.Stuck))
	_, err = r.finish(run)
	return more, errors.Join(append(errs, err, ctx.Err())...)
}

// inBatches erases some, and lets go of the lock in between. left are those that were not tried, after an error or the
// end of ctx.
func (r *Reaper) inBatches(ctx context.Context, run *run, list []Erasure, tried tried) (left []Erasure, err error) {
	for len(list) > 0 && ctx.Err() == nil {
		n := min(batch, len(list))
		for _, e := range list[:n] {
			tried[e.key()] = true
		}
		if err := r.erase(ctx, run, list[:n]); err != nil {
			return list[n:], err
		}
		list = list[n:]
	}
	return list, nil
}

// due finds what is to be erased now and was not tried, at most most of it, and notes in run what is held back.
func (r *Reaper) due(ctx context.Context, run *run, tried tried) (found []Erasure, err error) {
	now, rules := r.o.Now(), r.o.Rules()
	held := map[string]int{}
	holds, err := r.o.Rows.Holding(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("look for what is due: %w", err)
	}
	err = r.each(ctx, rules.Zone, func(folder string, day time.Time) (bool, error) {
		if now.Before(retention.Over(day, rules.Shortest(), rules.Zone)) || len(found) >= most {
			return false, nil
		}
		key := settledDay{folder, day.Unix()}
		if r.settled[key] {
			return true, nil
		}
		list, left, err := r.unerased(ctx, folder, day, holds, now)
		if err != nil {
			return false, err
		}
		if left == 0 {
			r.settled[key] = true
		}
		for _, j := range list {
			if j.due(now) {
				if !tried[erasureKey{j.kind, j.id}] {
					found = append(found, r.erasure(j, now))
				}
			} else if why := j.verdict.HeldBack(now); why != "" {
				run.Held = append(run.Held, j.kept(why))
				held[heldLabel(j.verdict)]++
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for what is due: %w", err)
	}
	for _, by := range []string{"hold", "case"} {
		r.metrics.held.WithLabelValues(by).Set(float64(held[by]))
	}
	if len(found) > most {
		found = found[:most]
	}
	return found, nil
}

func heldLabel(v retention.Verdict) string {
	if len(v.Holds) > 0 {
		return "hold"
	}
	return "case"
}

// overdue tells for how long the oldest of what should be gone has been due.
func (r *Reaper) overdue(left []Erasure) {
	worst := time.Duration(0)
	for _, e := range left {
		if !e.Due.IsZero() {
			worst = max(worst, r.o.Now().Sub(e.Due))
		}
	}
	r.metrics.overdue.Set(worst.Seconds())
}
