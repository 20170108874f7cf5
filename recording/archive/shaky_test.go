package archive

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
)

// A shaky place is one that fails when a test says so.
type shaky struct {
	Located
	mu    sync.Mutex
	fault func(op, name string) error
	puts  map[string]int // by name
}

func newShaky(p Located) *shaky { return &shaky{Located: p, puts: map[string]int{}} }

func (s *shaky) as() Located { return Located{Place: s, Name: s.Name, Where: s.Where} }

func (s *shaky) fail(f func(op, name string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *shaky) ask(op, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op == "put" {
		s.puts[name]++
	}
	if s.fault == nil {
		return nil
	}
	return s.fault(op, name)
}

func (s *shaky) Put(ctx context.Context, name string, src Source) error {
	if err := s.ask("put", name); err != nil {
		return err
	}
	return s.Located.Put(ctx, name, src)
}

func (s *shaky) Stat(ctx context.Context, name string) (Object, error) {
	if err := s.ask("stat", name); err != nil {
		return Object{}, err
	}
	return s.Located.Stat(ctx, name)
}

func (s *shaky) Get(ctx context.Context, name string) (Reader, error) {
	if err := s.ask("get", name); err != nil {
		return nil, err
	}
	return s.Located.Get(ctx, name)
}

func (s *shaky) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	if err := s.ask("list", prefix); err != nil {
		return func(yield func(Object, error) bool) { yield(Object{}, err) }
	}
	return s.Located.List(ctx, prefix)
}

func (s *shaky) Delete(ctx context.Context, name string) error {
	if err := s.ask("delete", name); err != nil {
		return err
	}
	return s.Located.Delete(ctx, name)
}

var errDown = errors.New("no route to host")

func down(string, string) error { return errDown }

// A hanging place gives no answer while it hangs.
type hanging struct {
	Located
	hangs atomic.Bool
	asked chan struct{}
	free  chan struct{}
}

func (h *hanging) Stat(ctx context.Context, name string) (Object, error) {
	if h.hangs.Load() {
		select {
		case h.asked <- struct{}{}:
		default:
		}
		<-h.free
	}
	return h.Located.Stat(ctx, name)
}
