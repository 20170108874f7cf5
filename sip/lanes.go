package sip

import (
	"sync"
	"time"
)

// A lane is a queue of messages that have been read and not decided. Earlier ones go first.
type lane uint8

// The lanes, in the order in which they are taken.
const (
	dialogLane   lane = iota // of calls that are up, from anywhere
	knownLane                // of carriers and registered telephones
	strangerLane             // of everybody else
	laneCount
	noLane = laneCount // decided already
)

// How much a lane holds. At 100 µs a message the known lanes are a tenth of a second.
var laneSize = [laneCount]int{1024, 1024, 256}

const (
	laneBytes = 4 << 20 // in one lane
	keptBytes = 4 << 10 // a slot keeps a buffer of that size; larger ones are rare and let go
)

// A slot is one message that waits.
type slot struct {
	from  flow
	at    int64 // when it was read, in Unix nanoseconds
	class uint16
	b     []byte
}

// lanes stand between the reader of a UDP socket, which only looks where a message belongs, and
// the decider, so that a flood of strangers is read off the socket, and dropped, as fast as it
// comes, and the messages of calls wait for nobody. Within a lane the order is that of arrival, and
// a message of a call that has just begun follows those of it that still wait in the known lane:
// no 200 overtakes its 183.
type lanes struct {
	mu     sync.Mutex
	more   sync.Cond
	closed bool
	rings  [laneCount]ring
	known  [1 << 16]uint16 // how many messages of a class of Call-IDs wait in the known lane
}

// A ring is one lane's slots, which keep their buffers.
type ring struct {
	slots       []slot
	head, count int
	bytes       int
}

func newLanes() *lanes {
	l := &lanes{}
	l.more.L = &l.mu
	for i := range l.rings {
		l.rings[i].slots = make([]slot, laneSize[i])
	}
	return l
}

// push copies a message into a lane. It is false where the lane is full.
func (l *lanes) push(which lane, f flow, b []byte, class uint16, now int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if which == dialogLane && l.known[class] > 0 {
		which = knownLane
	}
	r := &l.rings[which]
	if r.count == len(r.slots) || r.bytes+len(b) > laneBytes {
		return false
	}
	s := &r.slots[(r.head+r.count)%len(r.slots)]
	s.from, s.at, s.class, s.b = f, now, class, append(s.b[:0], b...)
	if which == knownLane {
		l.known[class]++
	}
	r.count++
	r.bytes += len(b)
	l.more.Signal()
	return true
}

// pop moves the next message into out, whose buffer it takes in exchange, waiting for one. It is
// false when the lanes are closed.
func (l *lanes) pop(out *slot) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if l.closed {
			return false
		}
		for i := range l.rings {
			r := &l.rings[i]
			if r.count == 0 {
				continue
			}
			s := &r.slots[r.head]
			if cap(out.b) > keptBytes {
				out.b = nil
			}
			*out, *s = *s, slot{b: out.b}
			r.head = (r.head + 1) % len(r.slots)
			r.count--
			r.bytes -= len(out.b)
			if lane(i) == knownLane {
				l.known[out.class]--
			}
			return true
		}
		l.more.Wait()
	}
}

// depth is the fuller of the lanes of those who are known, as a share of what it holds.
func (l *lanes) depth() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	deepest := 0.0
	for _, which := range []lane{dialogLane, knownLane} {
		deepest = max(deepest, float64(l.rings[which].count)/float64(len(l.rings[which].slots)))
	}
	return deepest
}

func (l *lanes) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.more.Broadcast()
}

// decideUDP decides the messages of one socket, one after the other.
func (s *Server) decideUDP(u *udpSocket) {
	defer s.wg.Done()
	var m slot
	for u.lanes.pop(&m) {
		s.load.waited(time.Duration(time.Now().UnixNano() - m.at))
		s.datagram(m.from, m.b)
	}
}
