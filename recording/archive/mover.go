package archive

import (
	"context"
	"errors"
	"path"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

const (
	// atOnce is how many recordings are sent to one place at a time: while one is read back the
	// next is sent.
	atOnce = 2

	// A job that has not ended after patience, and what slowest bytes a second allow, hangs.
	patience = 10 * time.Minute
	slowest  = 16 << 10
)

// What a lane is for.
type kind int

const (
	sends    kind = iota // recordings to a place
	erases               // recordings from a place
	removals             // sound from here
)

// A lane is a line and who works on it.
type lane struct {
	*line
	kind  kind
	place int
}

func (a *Archive) makeLanes() {
	for i := range a.o.Places {
		a.lanes = append(a.lanes, &lane{newLine(atOnce), sends, i}, &lane{newLine(1), erases, i})
	}
	a.lanes = append(a.lanes, &lane{newLine(1), removals, 0})
	now := a.clock.Now()
	for stem, m := range a.erasing {
		a.queueErasures(stem, m, now)
	}
}

// lane is one of the lanes.
func (a *Archive) lane(k kind, place int) *lane {
	for _, l := range a.lanes {
		if l.kind == k && (k == removals || l.place == place) {
			return l
		}
	}
	return nil
}

// Start begins to send. It looks at all recordings first, in the background.
func (a *Archive) Start() {
	ctx, stop := context.WithCancel(context.Background())
	a.mu.Lock()
	a.stop = stop
	a.mu.Unlock()
	a.work.Go(func() { a.scanAgain(ctx) })
	a.work.Go(func() { a.run(ctx) })
}

// Close stops. What is being sent is cut off, and goes on from there at the next start.
func (a *Archive) Close() error {
	a.mu.Lock()
	was := a.closed
	a.closed = true
	if a.stop != nil {
		a.stop()
	}
	a.mu.Unlock()
	if was {
		return nil
	}
	a.work.Wait()
	return a.root.Close()
}

// Sealed tells of a recording that has been sealed, or of which a file beside the sound has
// changed. It does not wait.
func (a *Archive) Sealed(told string) {
	stem, ok := Stem(told)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Now()
	for i := range a.o.Places {
		a.lane(sends, i).add(stem, now, now)
	}
	a.wake()
}

// wake makes run look.
func (a *Archive) wake() {
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// run begins what can be begun, and waits until there may be more.
func (a *Archive) run(ctx context.Context) {
	for {
		var timer <-chan time.Time
		if d, ok := a.begin(ctx); ok {
			timer = a.clock.After(d)
		}
		select {
		case <-ctx.Done():
			return
		case <-a.kick:
		case <-timer:
		}
	}
}

// begin begins all that can be begun now and gives how long nothing more can be; false: until
// something happens.
func (a *Archive) begin(ctx context.Context) (wait time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Err() != nil {
		return 0, false
	}
	now := a.clock.Now()
	for _, l := range a.lanes {
		for stem, some := l.next(now); some; stem, some = l.next(now) {
			a.work.Go(func() { a.job(ctx, l, stem) })
		}
		if d, some := l.wait(now); some && (!ok || d < wait) {
			wait, ok = d, true
		}
	}
	return wait, ok
}

// job does one thing for one recording.
func (a *Archive) job(ctx context.Context, l *lane, stem string) {
	err := a.guarded(ctx, l, stem)
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.wake()
	now := a.clock.Now()
	switch {
	case err == nil || l.kind == sends && a.erasing[stem] != nil:
		l.done(stem, now)
	case ctx.Err() != nil: // we stop, and nobody begins anything any more
	default:
		its := errors.As(err, new(ownFault))
		a.complain(l, stem, its, err)
		l.failed(stem, now, its)
	}
}

// complain tells what went wrong: the first time a place fails, and each time that something is
// not what it was. The lock is held.
func (a *Archive) complain(l *lane, stem string, its bool, err error) {
	name := here
	if l.kind != removals && !its {
		name = a.o.Places[l.place].Name
	}
	a.metrics.failures.WithLabelValues(name).Inc()
	log := a.log.Debug
	switch {
	case errors.Is(err, ErrMismatch) || errors.Is(err, ErrConflict):
		a.metrics.mismatches.WithLabelValues(name).Inc()
		log = a.log.Error
	case its:
		log = a.log.Error
	case l.fails == 0:
		log = a.log.Warn
	}
	log("a recording does not get away", zap.String("call", string(callOf(stem))), zap.String("place", name), zap.Error(err))
}

// guarded is one job, with a bug met in one recording kept from all others.
func (a *Archive) guarded(ctx context.Context, l *lane, stem string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			a.metrics.panics.Inc()
			a.log.Error("a bug in the archive", zap.String("call", string(callOf(stem))), zap.Any("panic", p), zap.Stack("stack"))
			err = own("a bug: %v", p)
		}
	}()
	switch l.kind {
	case erases:
		return a.eraseAt(ctx, stem, l.place)
	case removals:
		return a.remove(ctx, stem)
	}
	return a.move(ctx, stem, l.place)
}

func callOf(stem string) call.ID { return call.ID(path.Base(stem)) }
