package media

import "net/netip"

// Symmetric RTP: a telephone behind a NAT does not send from where its SDP says, so we send to
// where its sound comes from. That must not be anybody: RTP is not signed, and whoever is
// learned hears the call. So a source is learned from few places only, by agreeing packets, once.

const (
	// agreeing is how many packets in a row teach an address that is not the SDP's own.
	agreeing = 3
	// sourceGone is how long the locked source must be silent before another may be learned.
	sourceGone = 2 * second
	// relearnEvery bounds how often that happens.
	relearnEvery = second
	// candidates is how many sources may be considered at once.
	candidates = 4
)

// A learning is what a leg knows of where its peer's sound comes from.
type learning struct {
	sdp        netip.AddrPort
	locked     netip.AddrPort // zero: not yet
	pinned     bool           // the kernel knows
	heard      int64          // when the locked source was heard last
	changed    int64          // when another port was learned last
	candidates [candidates]candidate
	next       int // whom a new candidate replaces
}

// A candidate is a source that may become the locked one.
type candidate struct {
	addr netip.AddrPort
	ssrc uint32
	seq  uint16
	n    int
}

// target is where we send.
func (s *learning) target() netip.AddrPort {
	if s.locked.IsValid() {
		return s.locked
	}
	return s.sdp
}

// admit reports whether a packet may be heard, and learns from it.
func (l *Leg) admit(from netip.AddrPort, p packet) bool {
	s, now := &l.source, l.loop().now
	switch {
	case from == s.locked:
		s.heard = now
		l.pin()
		return true
	case s.locked.IsValid():
		gone := now-s.heard >= sourceGone && now-s.changed >= relearnEvery
		if !gone || from.Addr() != s.locked.Addr() || !s.agree(from, p) {
			return false
		}
		s.changed = now
		l.e.metrics.newPort.Inc()
		l.lock(from)
		return true
	case known(s.sdp) && from == s.sdp:
		l.lock(from)
		return true
	case !l.mayLearn(from.Addr()):
		return false
	case s.agree(from, p):
		l.lock(from)
		return true
	}
	return from == s.candidates[0].addr
}

// refuse counts a packet that may not be heard. Before anybody may speak there are no strangers:
// people look for those when a carrier's sound comes from an address they have not named.
func (l *Leg) refuse() {
	why := dropStranger
	if !l.out.started {
		why = dropEarly
	}
	l.e.metrics.dropped[why].Inc()
}

// mayLearn reports whether sound may come from there at all.
func (l *Leg) mayLearn(a netip.Addr) bool {
	if !l.out.started { // no offer or answer yet says that anybody may speak
		return false
	}
	if a == l.source.sdp.Addr() || a == l.o.Signalling.Unmap() {
		return true
	}
	for _, n := range l.o.Networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// agree counts a packet for its source, and is true when that source has said enough.
func (s *learning) agree(from netip.AddrPort, p packet) bool {
	for i := range s.candidates {
		c := &s.candidates[i]
		if c.addr != from {
			continue
		}
		step := int16(p.seq - c.seq)
		if c.ssrc != p.ssrc || step == 0 || step > 16 || step < -16 {
			c.n = 0
		}
		c.ssrc, c.seq = p.ssrc, p.seq
		c.n++
		return c.n >= agreeing
	}
	s.candidates[s.next] = candidate{addr: from, ssrc: p.ssrc, seq: p.seq, n: 1}
	s.next = (s.next + 1) % candidates
	return false
}

func (l *Leg) lock(to netip.AddrPort) {
	s := &l.source
	l.unpin()
	if s.locked.IsValid() && s.locked != to {
		l.control.learned = netip.AddrPort{}
	}
	s.locked, s.heard = to, l.loop().now
	s.candidates, s.next = [candidates]candidate{}, 0
	l.pin()
}

// pin lets the kernel refuse everybody else: strangers cost us nothing then, and are not counted.
func (l *Leg) pin() {
	if !l.source.pinned {
		l.source.pinned = true
		l.rtp.socket.pin(l.source.locked)
	}
}

func (l *Leg) unpin() {
	if l.source.pinned {
		l.source.pinned = false
		l.rtp.socket.unpin()
	}
}

// unpinIfQuiet opens the ears again where the locked source has gone silent: its NAT may have
// given it another port.
func (l *Leg) unpinIfQuiet() {
	if l.loop().now-l.source.heard >= sourceGone {
		l.unpin()
	}
}
