package app

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

// goodbyeBound is how long calls may take to hear goodbye and close after the second SIGTERM.
const goodbyeBound = 9 * time.Second

// A stopper remembers how far a stop has come.
type stopper struct {
	once     sync.Once
	goodbye  chan struct{} // closed: the grace is over
	byeOnce  sync.Once
	done     chan struct{} // closed: no call is left, the parts may go
	draining bool
}

func (s *stopper) init() { s.goodbye, s.done = make(chan struct{}), make(chan struct{}) }

// Drain refuses new calls from now on and lets running ones finish. At until, if it is not
// zero, those still here are said goodbye to. Done closes when the last one has gone. A later
// Drain with an earlier until shortens the wait.
func (a *App) Drain(until time.Time) error {
	a.sip.SetDraining(true)
	a.calendars.closeAll()
	a.mu.Lock()
	a.stopper.draining = true
	a.mu.Unlock()
	if !until.IsZero() {
		time.AfterFunc(time.Until(until), a.Goodbye)
	}
	a.stopper.once.Do(func() {
		a.log.Info("draining: new calls are refused, running ones finish", zap.Int("calls", a.line.Active()))
		a.tellDraining()
		go a.drain()
	})
	return nil
}

// drain waits for the calls, with patience until goodbye, then not much longer.
func (a *App) drain() {
	defer close(a.stopper.done)
	patience, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-a.stopper.goodbye:
			cancel()
		case <-patience.Done():
		}
	}()
	if a.line.Wait(patience) == nil {
		return
	}
	a.line.Stop()
	ctx, end := context.WithTimeout(context.Background(), goodbyeBound)
	defer end()
	if err := a.line.Wait(ctx); err != nil {
		a.log.Error("calls were still open when the goodbye's time was over", zap.Int("calls", a.line.Active()))
	}
}

// Goodbye ends a drain's patience: every call still here hears goodbye and is closed.
func (a *App) Goodbye() { a.stopper.byeOnce.Do(func() { close(a.stopper.goodbye) }) }

// Done is closed when a drain has come to its end: no call is left.
func (a *App) Done() <-chan struct{} { return a.stopper.done }

// Grace is how long running calls may finish after the first SIGTERM.
func (a *App) Grace() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.grace
}

// Draining reports whether new calls are refused.
func (a *App) Draining() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stopper.draining
}

// Close takes the parts apart, last built first. Calls that are still here are lost: drain
// before.
func (a *App) Close() error { return a.steps.unwind() }
