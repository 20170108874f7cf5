package status

import (
	"sync"
	"time"
)

// How a breaker rests: after so many failures in a row, so long, twice as long after each more.
const (
	tolerated = 5
	firstRest = 30 * time.Second
	lastRest  = 5 * time.Minute
)

// A breaker leaves a system alone that has failed too often, so that callers need not wait for what will not
// come, and it is not asked more while it is ill. After the rest one question is let through.
type breaker struct {
	mu     sync.Mutex
	row    int // failures
	rest   time.Duration
	until  time.Time
	probes bool // the one question is under way
}

// admit says whether a question may go out. It is followed by works, failed or leave.
func (b *breaker) admit(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.rest == 0:
		return true
	case now.Before(b.until) || b.probes:
		return false
	}
	b.probes = true
	return true
}

func (b *breaker) works() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row, b.rest, b.probes = 0, 0, false
}

// leave takes a question back of which nothing was learnt.
func (b *breaker) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probes = false
}

// failed counts a failure, and gives the rest that begins with it; 0: none does.
func (b *breaker) failed(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.row++
	switch {
	case b.probes:
		b.rest = min(2*b.rest, lastRest)
	case b.row >= tolerated && b.rest == 0:
		b.rest = firstRest
	default:
		return 0
	}
	b.probes, b.until = false, now.Add(b.rest)
	return b.rest
}
