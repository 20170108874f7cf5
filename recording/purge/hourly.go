package purge

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

const (
	// every is how often it is looked for what is due.
	every = time.Hour

	// lookEvery is how often the clock is looked at.
	lookEvery = time.Minute
)

// Run looks at the clock once a minute and erases what is due once an hour, until ctx ends.
func (r *Reaper) Run(ctx context.Context) {
	if why, _ := r.clock.Stopped(); why != "" {
		r.stopped(why)
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for passed := -every; ; {
		trusted := r.look()
		if now := r.o.Mono(); trusted && now-passed >= every {
			passed = now
			if err := r.guarded(ctx); err != nil && ctx.Err() == nil {
				r.log.Error("recordings that are due were not erased, it is tried again in an hour", zap.Error(err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// guarded is Pass, with a bug kept from ending the server.
func (r *Reaper) guarded(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.metrics.panics.Inc()
			r.log.Error("a panic while erasing", zap.Any("panic", p), zap.StackSkip("stack", 2))
			err = fmt.Errorf("a panic: %v", p)
		}
	}()
	return r.Pass(ctx)
}

// look looks at the clock, and says whether it is believed.
func (r *Reaper) look() bool {
	why, began, ended, err := r.clock.Look()
	if err != nil {
		r.log.Warn("the time cannot be written down; a restart may wait for a day before it erases anything", zap.Error(err))
	}
	if began {
		r.stopped(why)
	}
	if ended {
		r.log.Info("the clock has been steady for a day, recordings are erased again when they are due")
	}
	r.metrics.stopped.Set(oneIf(why != ""))
	return why == ""
}

func (r *Reaper) stopped(why string) {
	r.metrics.stopped.Set(1)
	r.log.Error("nothing is erased: the clock is not believed. Where it is right, say so by hotline recording purge --clock-is-right; "+
		"else set it right and wait for a day", zap.String("clock", why))
}
