package status

import (
	"sync"
	"time"
)

// When the outside system rests.
const (
	restAfter = 5                // failures in a row
	restFirst = 30 * time.Second // doubled each time it fails again
	restMost  = 5 * time.Minute
)

// An end is what became of a question that a breaker let through.
type end int

// The ends.
const (
	endGood      end = iota // answered as agreed
	endBad                  // not
	endUndecided            // the caller left before it could be told
)

// A breaker keeps questions from a system that fails, so that callers do not wait for nothing and it
// can come to itself. It is closed until restAfter failures in a row; then it rests, and lets one
// question through as a probe, whose end decides.
type breaker struct {
	told func(open bool, rest time.Duration) // when it opens, rests on or closes; called with the lock held

	mu      sync.Mutex
	failed  int           // in a row, while closed
	open    bool          // resting or probing
	rest    time.Duration // how long this rest is
	until   time.Time     // its end
	probing bool          // a probe is on its way
}

// enter says whether a question may go out now. Whoever may must leave, once.
func (b *breaker) enter(now time.Time) (leave func(end, time.Time), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.open:
		return b.leave, true
	case b.probing || now.Before(b.until):
		return nil, false
	}
	b.probing = true
	return b.probed, true
}

// leave is the end of a question that went out while the breaker was closed.
func (b *breaker) leave(e end, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.open: // others have opened it meanwhile: the probe decides, not a straggler
	case e == endGood:
		b.failed = 0
	case e == endBad:
		if b.failed++; b.failed >= restAfter {
			b.sleep(restFirst, now)
		}
	}
}

// probed is the end of a probe. One that nobody waited for decides nothing: the next question is one.
func (b *breaker) probed(e end, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	switch e {
	case endGood:
		b.open, b.failed = false, 0
		b.told(false, 0)
	case endBad:
		b.sleep(min(2*b.rest, restMost), now)
	}
}

func (b *breaker) sleep(rest time.Duration, now time.Time) {
	b.open, b.rest, b.until = true, rest, now.Add(rest)
	b.told(true, rest)
}
