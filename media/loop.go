package media

import (
	"net/netip"
	"runtime"
	"sync"
)

const (
	millisecond = int64(1e6)
	second      = int64(1e9)
)

// A loop is one media thread: it receives, forwards and paces for the legs that live on it, and
// nobody else touches what is theirs.
type loop struct {
	e       *Engine
	poller  poller
	wheel   *wheel
	legs    map[*Leg]struct{}
	now     int64 // the engine's clock, read once a round
	phase   int64 // where in the 20 ms the next leg begins: spreads the sending
	sampled uint  // packets forwarded since one's time was measured
	tx      [rtpHeader + frameLength]byte
	reports [512]byte

	mu       sync.Mutex
	queue    []command
	running  []command // the queue's other half: the two change places
	stopping bool
	ended    bool
	stopped  chan struct{}
}

// A command is something to be done by the loop of a leg; without a leg, by the loop it was posted to.
type command struct {
	leg *Leg
	do  func()
}

func newLoop(e *Engine) (*loop, error) {
	lp := &loop{e: e, legs: map[*Leg]struct{}{}, stopped: make(chan struct{}), now: e.clock()}
	lp.wheel = newWheel(lp.now / millisecond)
	var err error
	if lp.poller, err = e.net.poller(lp); err != nil {
		return nil, err
	}
	go lp.run()
	return lp, nil
}

// post queues a command. It is false after the loop's end, when nobody would do it.
func (lp *loop) post(c command) bool {
	lp.mu.Lock()
	if lp.ended {
		lp.mu.Unlock()
		return false
	}
	lp.queue = append(lp.queue, c)
	first := len(lp.queue) == 1
	lp.mu.Unlock()
	if first {
		lp.poller.wake()
	}
	return true
}

func (lp *loop) stop() {
	lp.mu.Lock()
	lp.stopping = true
	lp.mu.Unlock()
	lp.poller.wake()
}

// run is the life of the thread: commands, what is due, what has come, and again.
func (lp *loop) run() {
	runtime.LockOSThread()
	defer close(lp.stopped)
	defer lp.poller.close()
	for lp.commands() {
		until := lp.now + second
		if at, ok := lp.wheel.next(); ok {
			until = at * millisecond
		}
		lp.poller.wait(until)
	}
}

// turn is what follows each wait, before anything that has come is looked at. Where the loop was
// held up, what was due meanwhile takes its place in the outgoing streams first. What lay in the
// sockets is then too late and dropped, as it is when a network holds packets up; otherwise a
// second's packets would leave at once, and a telephone would play them a second late from then on.
func (lp *loop) turn() {
	lp.now = lp.e.clock()
	lp.wheel.advance(lp.now / millisecond)
}

// commands does what was asked, and is false when the loop is to end.
func (lp *loop) commands() bool {
	lp.mu.Lock()
	lp.queue, lp.running = lp.running[:0], lp.queue
	stopping := lp.stopping
	lp.mu.Unlock()

	if len(lp.running) > 0 || stopping {
		lp.now = lp.e.clock()
	}
	for i, c := range lp.running {
		lp.running[i] = command{} // keeps nothing alive
		if c.leg != nil {
			if home := c.leg.home.Load(); home != lp {
				home.post(c) // the leg has moved since it was asked
				continue
			}
		}
		c.do()
	}
	if !stopping {
		return true
	}
	for l := range lp.legs {
		l.end()
	}
	lp.mu.Lock()
	defer lp.mu.Unlock()
	lp.ended = len(lp.queue) == 0
	return !lp.ended
}

// take is where each datagram enters. stamp is the wall clock in nanoseconds at which it reached
// this machine, 0 where nobody looked. b may be written to and is ours until take returns.
func (lp *loop) take(p *port, b []byte, from netip.AddrPort, stamp int64) {
	if p.leg.ended {
		return
	}
	if p.rtcp {
		p.leg.takeRTCP(b, from)
		return
	}
	p.leg.takeRTP(b, from, stamp)
}
