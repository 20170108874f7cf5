package archive

import (
	"context"
	"io"
	"sync"
	"time"
)

// A limiter bounds how many bytes a second are moved, by all together.
type limiter struct {
	clock  Clock
	second int64 // bytes; 0: as many as go

	mu   sync.Mutex
	free time.Time // the next byte may go
}

// burst is how far the line may be ahead: the sound of calls has the same network, and waits for
// no more than this.
const burst = 50 * time.Millisecond

// wait takes room for n bytes.
func (l *limiter) wait(ctx context.Context, n int) error {
	if l.second <= 0 || n <= 0 {
		return ctx.Err()
	}
	l.mu.Lock()
	now := l.clock.Now()
	if l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(float64(n) / float64(l.second) * float64(time.Second)))
	ahead := l.free.Sub(now) - burst
	l.mu.Unlock()
	if ahead <= 0 {
		return ctx.Err()
	}
	select {
	case <-l.clock.After(ahead):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A meter is a reader that is bounded and counted.
type meter struct {
	io.Reader
	ctx   context.Context
	limit *limiter
	count func(n int) // may be nil
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Reader.Read(b[:min(len(b), chunk)])
	if waited := m.limit.wait(m.ctx, n); waited != nil {
		return 0, waited
	}
	if m.count != nil {
		m.count(n)
	}
	return n, err
}

// A far reader reads what lies at a place and is to go to another: that is bounded too.
type farReader struct {
	Reader
	ctx   context.Context
	limit *limiter
}

func (r farReader) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) && err == nil {
		var done int
		done, err = r.Reader.ReadAt(b[n:min(len(b), n+chunk)], at+int64(n))
		n += done
		if waited := r.limit.wait(r.ctx, done); waited != nil {
			return n, waited
		}
	}
	return n, err
}
