package purge

import (
	"context"
	"fmt"
	"strings"
	"time"

	"hotline/call"
	"hotline/recording/access"
)

// Order erases the recording of one call, and the messages left in it, before its time, because two persons have
// ordered it: a court, say. It is refused with ErrKept under a hold, while a case is open, and before LeastMonths are
// over, and with ErrUnknown where nothing of things is there.
func (r *Reaper) Order(ctx context.Context, ask access.Entry, things []Thing) (Certificate, error) {
	if err := call.TwoPersons(ask.Who, ask.With); err != nil {
		return Certificate{}, fmt.Errorf("%w: %w", ErrKept, err)
	}
	ask.Do = access.Purge
	if err := r.o.Gate.Ask(ctx, ask); err != nil {
		return Certificate{}, err
	}
	r.passing.Lock()
	defer r.passing.Unlock()
	if !r.look() {
		why, _ := r.clock.Stopped()
		return Certificate{}, fmt.Errorf("%w: %s", ErrClock, why)
	}
	run, err := r.begin()
	if err != nil {
		return Certificate{}, err
	}
	if len(run.Now)+len(run.Stuck) > 0 { // left by a run that was killed: that is finished first, with a certificate of its own
		if _, err := r.pass(ctx, run, tried{}); err != nil {
			return Certificate{}, err
		}
		run = r.newRun(run.Stuck)
	}
	list, err := r.ordered(ctx, ask, things)
	if err != nil {
		return Certificate{}, err
	}
	before := len(run.Stuck)
	if err := r.erase(ctx, run, list); err != nil {
		return Certificate{}, err
	}
	if len(run.Done) == 0 && len(run.Held) > 0 {
		return Certificate{}, fmt.Errorf("%w: %s", ErrKept, run.Held[0].Why)
	}
	c, err := r.finish(run)
	if err == nil && len(run.Stuck) > before {
		err = fmt.Errorf("%w: the log says why", ErrStuck)
	}
	if err != nil {
		return Certificate{}, err
	}
	return c, nil
}

// A Thing is one recording or message that is ordered to be erased.
type Thing struct {
	ID   call.ID
	Kind string
	Path string // of its sound, relative to the data folder
}

// ordered are the erasures of what is there of things. One that is kept keeps all.
func (r *Reaper) ordered(ctx context.Context, ask access.Entry, things []Thing) (list []Erasure, err error) {
	now := r.o.Now()
	for _, t := range things {
		s, err := find(r.root, Erasure{ID: t.ID, Kind: t.Kind, Path: t.Path})
		if err != nil {
			return nil, err
		}
		if s.erased() || !s.sealed() {
			continue
		}
		j, err := r.judgeClosely(ctx, s, now)
		if err != nil {
			return nil, err
		}
		if err := r.mayOrder(j, now); err != nil {
			return nil, err
		}
		e := r.erasure(j, now)
		e.By, e.With, e.Why = ask.Who, ask.With, ask.Why
		e.Rule = "ordered by two persons: " + e.Why
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w, or it has been erased, or it is being made", ErrUnknown)
	}
	return list, nil
}

// mayOrder says what keeps something even from an order, as ErrKept, or nil.
func (r *Reaper) mayOrder(j judged, now time.Time) error {
	v := j.verdict
	if len(v.Holds) > 0 {
		return fmt.Errorf("%w by %s; lift that first", ErrKept, v.HeldBy())
	}
	if len(v.Open) > 0 {
		return fmt.Errorf("%w: case %s is open; close it first", ErrKept, strings.Join(v.Open, ", "))
	}
	if err := r.o.Rules().Young(j.subject, now); err != nil {
		return fmt.Errorf("%w: %w", ErrKept, err)
	}
	return nil
}
