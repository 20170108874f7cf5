package sip

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// How guessing of passwords is slowed. A right one is 128 bits of chance and cannot be guessed
// anyway; this keeps the tries from costing us work, and shows them.
const (
	guesses      = 10               // wrong ones of a user from a network, within guessWindow
	guessWindow  = 15 * time.Minute // then nothing of that pair is looked at
	muteTime     = 15 * time.Minute // for so long
	freeGuesses  = 3                // before the pauses begin: a person who types it in
	firstPause   = time.Second      // after which of them, then twice as long each time
	throttleWays = 8
	throttleSets = 4096
)

// A throttle counts wrong passwords by user and network (the /24, or the /64) together: nobody
// can lock a user out from elsewhere, and a telephone behind the same NAT with another user goes
// on. Whether a user exists makes no difference to it.
//
// The table has a fixed size. What is pushed out is what has the fewest wrong guesses, so that a
// million tries with made-up names push out one another and not a pair that is muted.
type throttle struct {
	now  func() time.Time
	seed maphash.Seed

	mu   sync.Mutex
	sets [throttleSets][throttleWays]guessing
}

// A guessing is one pair. Its zero value is nobody's.
type guessing struct {
	pair  uint64
	since time.Time // the first of count
	until time.Time // not looked at before
	count int
}

// over says that the entry tells nothing any more.
func (g *guessing) over(now time.Time) bool {
	return !now.Before(g.until) && now.Sub(g.since) >= guessWindow
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, seed: maphash.MakeSeed()}
}

func (t *throttle) pair(user string, a netip.Addr) uint64 {
	bits := 24
	if a = a.Unmap(); a.Is6() {
		bits = 64
	}
	network, _ := a.WithZone("").Prefix(bits) // of a valid address always there
	raw := network.Addr().As16()
	var h maphash.Hash
	h.SetSeed(t.seed)
	_, _ = h.Write(raw[:]) // never fails (hash.Hash)
	_, _ = h.WriteString(user)
	return h.Sum64() | 1 // never that of nobody
}

// find is the entry of a pair, nil if there is none. The lock is held.
func (t *throttle) find(pair uint64) *guessing {
	set := &t.sets[pair>>32%throttleSets]
	for i := range set {
		if set[i].pair == pair {
			return &set[i]
		}
	}
	return nil
}

// room is an entry for a new pair. The lock is held.
func (t *throttle) room(pair uint64, now time.Time) *guessing {
	set := &t.sets[pair>>32%throttleSets]
	least := &set[0]
	for i := range set {
		g := &set[i]
		if g.pair == 0 || g.over(now) {
			least = g
			break
		}
		if g.count < least.count || g.count == least.count && g.since.Before(least.since) {
			least = g
		}
	}
	*least = guessing{pair: pair, since: now}
	return least
}

// muted says whether credentials of a user from an address are to be answered without a look.
func (t *throttle) muted(user string, a netip.Addr) bool {
	pair, now := t.pair(user, a), t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.find(pair)
	return g != nil && now.Before(g.until)
}

// wrong notes a wrong password, and says whether that was the one too many.
func (t *throttle) wrong(user string, a netip.Addr) (muted bool) {
	pair, now := t.pair(user, a), t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.find(pair)
	if g == nil || g.over(now) {
		g = t.room(pair, now)
	}
	g.count++
	switch {
	case g.count >= guesses:
		g.since, g.until = now, now.Add(muteTime)
		return true
	case g.count > freeGuesses:
		g.until = now.Add(firstPause << (g.count - freeGuesses - 1))
	}
	return false
}

// right forgets the wrong guesses of a pair.
func (t *throttle) right(user string, a netip.Addr) {
	pair := t.pair(user, a)
	t.mu.Lock()
	defer t.mu.Unlock()
	if g := t.find(pair); g != nil {
		*g = guessing{}
	}
}
