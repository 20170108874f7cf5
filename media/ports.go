package media

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// ErrNoPorts says that every pair of ports is in use or was a moment ago.
var ErrNoPorts = errors.New("no RTP port is free")

// portRest is how long a released pair rests.
//
// Quirk: telephones and carriers go on sending for a while after BYE. A pair that is given out
// again at once lets the next caller hear the end of somebody else's call.
const portRest = 30 * time.Second

// shortestRest is the rest that is kept even when the range runs short.
const shortestRest = 2 * time.Second

// A PortRange is the UDP ports for sound, both ends included. A leg takes two, the even one for
// RTP and the next for RTCP (RFC 3550 §11).
type PortRange struct {
	First, Last int
}

// Pairs is how many legs the range carries at once.
func (r PortRange) Pairs() int { return max(0, (r.Last-r.evenFirst()+1)/2) }

func (r PortRange) evenFirst() int { return r.First + r.First&1 }

func (r PortRange) check() error {
	if r.First < 1 || r.Last > 65535 || r.Pairs() < 1 {
		return fmt.Errorf("media.ports: %d-%d holds no pair of an even port and the next; 20000-29999 carries 5000 legs", r.First, r.Last)
	}
	return nil
}

// A portTable knows who is used, who rests and who is free.
type portTable struct {
	mu      sync.Mutex
	rest    time.Duration
	least   time.Duration
	free    []int         // even ports; the first is given next
	resting []restingPair // oldest first
	used    int
}

type restingPair struct {
	port  int
	since time.Time
}

// newPortTable shuffles the range: a port that cannot be guessed is harder to spray at.
func newPortTable(r PortRange, rest time.Duration) *portTable {
	t := &portTable{rest: rest, least: min(shortestRest, rest)}
	for p := r.evenFirst(); p+1 <= r.Last; p += 2 {
		t.free = append(t.free, p)
	}
	rand.Shuffle(len(t.free), func(i, j int) { t.free[i], t.free[j] = t.free[j], t.free[i] })
	return t
}

// take gives out a pair: a free one, else the one that has rested longest.
func (t *portTable) take(now time.Time) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wake(now)
	if len(t.free) > 0 {
		p := t.free[0]
		t.free = t.free[1:]
		t.used++
		return p, nil
	}
	if len(t.resting) > 0 && now.Sub(t.resting[0].since) >= t.least {
		p := t.resting[0].port
		t.resting = t.resting[1:]
		t.used++
		return p, nil
	}
	return 0, ErrNoPorts
}

// release lays a pair to rest.
func (t *portTable) release(port int, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.used--
	t.resting = append(t.resting, restingPair{port, now})
}

func (t *portTable) wake(now time.Time) {
	for len(t.resting) > 0 && now.Sub(t.resting[0].since) >= t.rest {
		t.free = append(t.free, t.resting[0].port)
		t.resting = t.resting[1:]
	}
}

func (t *portTable) count(now time.Time) (used, resting, free int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wake(now)
	return t.used, len(t.resting), len(t.free)
}
