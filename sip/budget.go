package sip

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// A rate is how much of something is let through: so many a second on the long run, and a
// burst of so many at once.
type rate struct{ perSecond, burst int }

// The budgets of messages, looked at before anything of them is parsed. 8 a second for a
// stranger is the norm of the field; the others are set so that what a telephone or a carrier
// really sends never meets them.
var (
	// strangerRate is for one address that nobody has registered from. A telephone needs four
	// messages to register; a scanner sends 70 to 150 a second.
	strangerRate = rate{8, 16}
	// neighbourRate is for one address behind which telephones are registered already, or that
	// is of a private network: a whole centre that comes back after a power cut.
	neighbourRate = rate{100, 400}
	// strangersRate is for all of them together, so that many addresses are worth no more than
	// a few: a REGISTER costs about 100 µs, so this is at most a twentieth of a core.
	strangersRate = rate{500, 1000}
	// phoneRate is for each user who is registered at a telephone's address and port.
	phoneRate = rate{50, 100}
)

// messagesPerCall is what one call a second of the engineered load may cost in messages of
// its carrier. A call takes about ten; twenty times as much lets fifty times the load come as far
// as the refusal that it gets, which is cheaper than its repeats would be.
const messagesPerCall = 200

// carrierRate is for one address of a carrier, by the calls a second that are planned for.
func carrierRate(calls int) rate { return rate{messagesPerCall * calls, 2 * messagesPerCall * calls} }

// cells is the size of a row of a budget. 50,000 sources fill two thirds of it, and none of
// them fuller than it is itself.
const cells = 1 << 16

// A budget holds a token bucket for each of any number of sources in a table of fixed size.
//
// There is no entry for a source that could be pushed out and begin anew: each source shares
// one cell in each of two rows with whoever else falls there, by a hash that nobody outside can
// compute, and has what the better of the two leaves it. So a flood from many addresses cannot
// reset its own budget, and hurts another source only where it fills both its cells.
// A cell is the moment at which its bucket is full again (the generic cell rate algorithm).
type budget struct {
	seed  maphash.Seed
	every int64 // nanoseconds that one message costs
	burst int64 // nanoseconds that may be borrowed

	mu   sync.Mutex
	rows [2][]int64
}

func newBudget(r rate, size int) *budget {
	b := &budget{seed: maphash.MakeSeed()}
	b.set(r)
	b.rows = [2][]int64{make([]int64, size), make([]int64, size)}
	return b
}

// set changes what is let through. It is called before the first take, or with b.mu held.
func (b *budget) set(r rate) {
	b.every = int64(time.Second) / int64(max(1, r.perSecond))
	b.burst = b.every * int64(max(1, r.burst))
}

// change is set for a budget in use.
func (b *budget) change(r rate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set(r)
}

// take spends one message of a source at a moment, in Unix nanoseconds, and says whether it was
// there to be spent. share is by how many the source is, at least 1.
func (b *budget) take(source uint64, now int64, share int) bool {
	size := uint64(len(b.rows[0]))
	first, second := source%size, (source>>32)%size
	b.mu.Lock()
	defer b.mu.Unlock()
	every := b.every / int64(max(1, share))
	x, y := &b.rows[0][first], &b.rows[1][second]
	full := max(now, min(*x, *y))
	if full-now > b.burst-every {
		return false
	}
	full += every
	*x, *y = max(*x, full), max(*y, full)
	return true
}

// sourceOf is what an address stands for: for IPv6 the /64, which is what one customer is given.
func sourceOf(a netip.Addr) [16]byte {
	raw := a.As16()
	if a.Is6() && !a.Is4In6() {
		clear(raw[8:])
	}
	return raw
}

// ofAddr is the source of an address.
func (b *budget) ofAddr(a netip.Addr) uint64 {
	raw := sourceOf(a)
	return maphash.Bytes(b.seed, raw[:])
}

// ofPort is the source of an address and port.
func (b *budget) ofPort(a netip.AddrPort) uint64 {
	var raw [18]byte
	addr := a.Addr().As16()
	copy(raw[:], addr[:])
	raw[16], raw[17] = byte(a.Port()>>8), byte(a.Port())
	return maphash.Bytes(b.seed, raw[:])
}
