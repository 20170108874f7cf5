package sip

import (
	"math"
	"net/netip"
	"time"
)

// amplification is how much longer than its request an answer to a stranger's datagram may be:
// whoever forges a source address must find it cheaper to send to the victim himself.
const amplification = 1.5

// A dropReason says why a message was not even read. The list is closed: it is a label.
type dropReason string

// The drop reasons.
const (
	dropSource   dropReason = "source"   // its source has spent its budget
	dropAll      dropReason = "all"      // strangers together have
	dropQueue    dropReason = "queue"    // its lane is full
	dropOverload dropReason = "overload" // a new call at overload level 4
	dropLarge    dropReason = "large"    // a stranger's datagram above the limit
	dropAnswer   dropReason = "answer"   // its answer would be worth a forged source
)

var dropReasons = [...]dropReason{dropSource, dropAll, dropQueue, dropOverload, dropLarge, dropAnswer}

// front is the budgets and marks by which a message is judged before anything of it is parsed.
type front struct {
	strangers  *budget // by address
	neighbours *budget // by address
	together   *budget // of all strangers
	phones     *budget // by address and port
	carriers   *budget // by address: what belongs to no call yet
	dialogs    *budget // by address: what belongs to calls of carriers
	calls      callMarks
}

func newFront(calls int) *front {
	if calls <= 0 {
		calls = EngineeredCalls()
	}
	f := &front{
		strangers: newBudget(strangerRate, cells), neighbours: newBudget(neighbourRate, cells/16),
		together: newBudget(strangersRate, 1), phones: newBudget(phoneRate, cells/16),
		carriers: newBudget(carrierRate(calls), cells/64), dialogs: newBudget(carrierRate(2*calls), cells/64),
	}
	f.calls.seed = f.strangers.seed
	return f
}

// plan sizes the budgets of carriers by the calls a second that are taken, 0: what the machine is
// planned for.
func (f *front) plan(calls int) {
	if calls <= 0 {
		calls = EngineeredCalls()
	}
	f.carriers.change(carrierRate(calls))
	f.dialogs.change(carrierRate(2 * calls))
}

// enters tells the gate of a call that begins, leaves of one whose last message is over.
func (f *front) enters(callID string) { f.calls.add(callID, 1) }
func (f *front) leaves(callID string) { f.calls.add(callID, -1) }

// arrived takes a datagram as it was read: it is dropped, or put into the lane that it belongs to.
// The reader of the socket calls it; nothing in it waits for the lock of the server.
func (s *Server) arrived(u *udpSocket, f flow, b []byte) {
	defer s.recovered("udp reader")
	if isKeepAlive(b) {
		return
	}
	now := time.Now().UnixNano()
	id := peekCallID(b)
	which, why := s.laneOf(f, b, id, now)
	if why == "" && which != noLane && !u.lanes.push(which, f, b, s.front.calls.class(id), now) {
		why = dropQueue
	}
	if why != "" {
		s.dropped(f, why)
	}
}

// laneOf decides by the source and a look at the Call-ID. noLane without a reason to drop says
// that the message has been dealt with.
func (s *Server) laneOf(f flow, b, callID []byte, now int64) (lane, dropReason) {
	if f.peer.Addr().Zone() != "" {
		s.silence(f) // a link-local address means something else on each interface
		return noLane, ""
	}
	inCall := s.front.calls.have(callID)
	if f.side() == trunkSide {
		return s.trunkLane(f, b, inCall, now)
	}
	return s.phoneLane(f, b, inCall, now)
}

func (s *Server) trunkLane(f flow, b []byte, inCall bool, now int64) (lane, dropReason) {
	g, addr := s.front, f.peer.Addr()
	carrier := s.carrierAt(f) != nil
	switch {
	case carrier && inCall:
		if !g.dialogs.take(g.dialogs.ofAddr(addr), now, 1) {
			return noLane, dropSource
		}
		return dialogLane, ""
	case carrier:
		if s.load.level() >= 4 && isInvite(b) {
			return noLane, dropOverload
		}
		if !g.carriers.take(g.carriers.ofAddr(addr), now, 1) {
			return noLane, dropSource
		}
		return knownLane, ""
	case !s.strangerMay(addr, now):
		return noLane, dropSource
	case inCall:
		return dialogLane, ""
	}
	s.silence(f)
	return noLane, ""
}

func (s *Server) phoneLane(f flow, b []byte, inCall bool, now int64) (lane, dropReason) {
	g := s.front
	if users := s.reg.usersAt(f.peer); users > 0 {
		switch {
		case !g.phones.take(g.phones.ofPort(f.peer), now, users):
			return noLane, dropSource
		case inCall:
			return dialogLane, ""
		}
		return knownLane, ""
	}
	switch {
	case len(b) > maxDatagram:
		return noLane, dropLarge
	case !s.strangerMay(f.peer.Addr(), now):
		return noLane, dropSource
	case inCall:
		return dialogLane, ""
	case !g.together.take(0, now, 1):
		return noLane, dropAll
	}
	return strangerLane, ""
}

// charge spends one message of a connection. Who is known and too fast is read later, so that TCP
// slows the peer down; a stranger is cut off: false.
func (c *tcpConn) charge() bool {
	g, s := c.s.front, c.s
	for {
		now := time.Now().UnixNano()
		users := 0
		if c.side == phoneSide {
			users = s.reg.usersAt(c.peer)
		}
		var may bool
		switch {
		case c.side == trunkSide: // strangers are not let in here
			may = g.carriers.take(g.carriers.ofPort(c.peer), now, 1)
		case users > 0:
			may = g.phones.take(g.phones.ofPort(c.peer), now, users)
		case !s.strangerMay(c.peer.Addr(), now):
			s.dropped(c.flow(), dropSource)
			return false
		case !g.together.take(0, now, 1):
			s.dropped(c.flow(), dropAll)
			return false
		default:
			return true
		}
		if may || c.gone() || !s.pause(slowDown) {
			return may
		}
	}
}

// slowDown is how long a connection that is too fast waits until it is looked at again.
const slowDown = 20 * time.Millisecond

// strangerMay spends one message of a source that nobody knows.
func (s *Server) strangerMay(a netip.Addr, now int64) bool {
	b := s.front.strangers
	if a.IsPrivate() || a.IsLoopback() || s.reg.registeredAt(a) {
		b = s.front.neighbours
	}
	return b.take(b.ofAddr(a), now, 1)
}

// dropped counts a message that is not read.
func (s *Server) dropped(f flow, why dropReason) {
	s.met.drop(f.side(), why)
	if why == dropSource {
		s.security.note(eventFlood, f.side(), f.peer.Addr(), f.tcp != nil)
	}
}

// putShort sends an answer, unless it is worth a forged source.
func (s *Server) putShort(f flow, d *draft, b []byte) {
	if len(b) > s.mostBytes(f, d) {
		s.dropped(f, dropAnswer)
		return
	}
	s.put(f, b)
}

// mostBytes is how long an answer to a datagram may be, math.MaxInt where that does not matter:
// over a connection, and to a source that is known.
func (s *Server) mostBytes(f flow, d *draft) int {
	if f.tcp != nil || d.raw == nil || s.knows(f) {
		return math.MaxInt
	}
	return int(amplification * float64(len(d.raw)))
}
