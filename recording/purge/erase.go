package purge

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"hotline/recording/access"
)

// erase erases some, in the order that the package's story tells. Under the lock it is judged once more: a hold
// may have come meanwhile. What cannot be taken away stays in run.Stuck; an error says that nothing more should be
// tried now.
func (r *Reaper) erase(ctx context.Context, run *run, list []Erasure) error {
	if len(list) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.o.Now()
	var at []judged // of each in run.Now
	for i, e := range list {
		j, why, err := r.lookAgain(ctx, &e, now)
		switch {
		case err != nil:
			run.Now = append(run.Now, list[i:]...) // what was begun is not forgotten
			return err
		case why != "":
			run.Held = append(run.Held, Kept{ID: e.ID, Kind: e.Kind, Call: e.Call, Class: e.Class, Why: why})
			continue
		}
		run.Now = append(run.Now, e)
		at = append(at, j)
	}
	if err := r.save(run); err != nil {
		return err
	}
	r.o.step("planned")
	if err := r.sayFirst(ctx, run, at); err != nil {
		return err
	}
	doing := run.Now
	run.Now = nil
	for i, e := range doing {
		if err := r.one(ctx, e, at[i].shelf); err != nil {
			r.metrics.failures.Inc()
			r.log.Error("a recording could not be erased, it is tried again", logged(e.ID), zap.Error(err))
			run.Stuck = append(run.Stuck, e)
			continue
		}
		run.Done = append(run.Done, e)
	}
	if err := r.save(run); err != nil {
		return err
	}
	r.o.step("erased")
	return nil
}

// lookAgain judges one more time, from the manifest too. why says what keeps it; then it is not erased.
func (r *Reaper) lookAgain(ctx context.Context, e *Erasure, now time.Time) (j judged, why string, err error) {
	s, err := find(r.root, *e)
	if err != nil {
		return j, "", err
	}
	if s.erased() { // all but the certificate is done
		return judged{shelf: s}, "", nil
	}
	if !s.sealed() {
		return j, "it is not there as it was", nil
	}
	if j, err = r.judgeClosely(ctx, s, now); err != nil {
		return j, "", err
	}
	switch {
	case len(j.verdict.Holds) > 0:
		return j, j.verdict.HeldBy(), nil // a hold beats also what is in the chain already
	case s.gone:
		return j, "", nil
	case e.By != "":
		if err := r.mayOrder(j, now); err != nil {
			return j, err.Error(), nil
		}
		return j, "", nil
	case !j.verdict.Erase(now):
		return j, j.verdict.Why, nil
	}
	*e = r.erasure(j, now)
	return j, "", nil
}

// sayFirst writes down that those of run.Now are erased, before any is: into the log of accesses, and into the
// chain, with a copy beside each manifest. What is in the chain already is not said again.
func (r *Reaper) sayFirst(ctx context.Context, run *run, at []judged) error {
	var fresh []Erasure
	var where []shelf
	for i, e := range run.Now {
		if at[i].gone {
			continue
		}
		if e.By == "" {
			err := r.o.Gate.Ask(ctx, access.Entry{Who: "hotline", Role: access.Server, From: "retention", Do: access.Purge, Call: e.Call, Why: e.Rule})
			if err != nil {
				return fmt.Errorf("erase %s: %w", e.ID, err)
			}
			r.o.step("asked")
		}
		fresh, where = append(fresh, e), append(where, at[i].shelf)
	}
	if len(fresh) == 0 {
		return nil
	}
	links, err := r.o.Chain.Erased(ctx, fresh)
	if err == nil && len(links) != len(fresh) {
		err = fmt.Errorf("%d links for %d erasures", len(links), len(fresh))
	}
	if err != nil {
		return fmt.Errorf("the chain does not take what is erased: %w", err)
	}
	r.o.step("linked")
	for i, s := range where {
		if err := entomb(r.root, s, links[i]); err != nil {
			return fmt.Errorf("the tombstone of %s: %w", s.id, err)
		}
		r.o.step("entombed")
	}
	return nil
}

// one takes away what there is of one.
func (r *Reaper) one(ctx context.Context, e Erasure, s shelf) error {
	if r.o.Away != nil {
		if err := r.o.Away(ctx, e); err != nil {
			return fmt.Errorf("elsewhere: %w", err)
		}
		r.o.step("away")
	}
	if err := s.erase(r.root, r.o.step); err != nil {
		return err
	}
	r.metrics.purged.WithLabelValues(s.kind).Inc()
	r.metrics.bytes.Add(float64(e.Bytes))
	if r.o.Told != nil {
		r.o.Told(e)
	}
	r.o.step("gone")
	return nil
}
