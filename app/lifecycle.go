package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

// A step is one part's end: what it is called and how long it may take.
type step struct {
	name  string
	bound time.Duration
	stop  func(ctx context.Context) error
}

// steps are run last in, first out, so that what was built on something goes before it. A
// construction that fails half way unwinds through the same stack.
type steps struct {
	log   *zap.Logger
	stack []step
}

// push remembers how to end what has just been built.
func (s *steps) push(name string, bound time.Duration, stop func(ctx context.Context) error) {
	s.stack = append(s.stack, step{name, bound, stop})
}

// closer remembers a Close that knows no context.
func (s *steps) closer(name string, stop func() error) {
	s.push(name, 5*time.Second, func(context.Context) error { return stop() })
}

// runner starts something that runs until it is told to stop, and remembers to tell it.
func (s *steps) runner(name string, bound time.Duration, run ...func(ctx context.Context)) {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, f := range run {
		running.Go(func() { f(ctx) })
	}
	s.push(name, bound, func(ctx context.Context) error {
		stop()
		done := make(chan struct{})
		go func() { running.Wait(); close(done) }()
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// unwind ends everything, each within its bound, and joins the errors. A step that overruns is
// left behind: the process is ending.
func (s *steps) unwind() error {
	var errs []error
	for len(s.stack) > 0 {
		last := s.stack[len(s.stack)-1]
		s.stack = s.stack[:len(s.stack)-1]
		ctx, cancel := context.WithTimeout(context.Background(), last.bound)
		done := make(chan error, 1)
		go func() { done <- last.stop(ctx) }()
		select {
		case err := <-done:
			if err != nil {
				errs = append(errs, fmt.Errorf("stop %s: %w", last.name, err))
			}
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("stop %s: not done after %s", last.name, last.bound))
		}
		cancel()
		s.log.Debug("stopped", zap.String("part", last.name))
	}
	return errors.Join(errs...)
}
