package media

import (
	"encoding/binary"
	"strings"

	"hotline/call"
)

// mergeTime is how far apart two reports of one press may be that come on different ways.
const mergeTime = 500 * millisecond

// A way is how a press was told.
type way uint8

const (
	byEvent way = 1 << iota // telephone-event
	byInfo                  // SIP INFO
	byTone                  // two tones in the sound
)

// longestEvent is from what duration on a press may go on in another event: 1 s before it must.
const longestEvent = 0xFFFF - call.ClockRate

// digits are the events 0 to 15 of RFC 4733 §3.2.
const digits = "0123456789*#ABCD"

// A keyEvent is the payload of a telephone-event packet (RFC 4733 §2.3).
type keyEvent struct {
	digit    byte
	end      bool
	duration uint16 // samples since the begin
}

// parseKey reads a payload. It is not ok for other events than keys, such as a fax tone.
func parseKey(b []byte) (k keyEvent, ok bool) {
	if len(b) < 4 || int(b[0]) >= len(digits) {
		return k, false
	}
	return keyEvent{digits[b[0]], b[1]&0x80 != 0, binary.BigEndian.Uint16(b[2:])}, true
}

// presses tells one press from its many packets and from its reports on other ways.
type presses struct {
	any    bool
	ssrc   uint32
	seq    uint16 // the highest of its packets
	begin  uint32 // timestamp of the event that is going on or was the last
	latest keyEvent
	recent [8]press
	next   int
	code   call.Code // whose keys are kept from a joined peer
	kept   bool      // and the latest event is one of them
}

// A press is one that was delivered lately.
type press struct {
	digit byte
	told  way   // all ways on which it was told
	seen  int64 // when it was first told, or its last packet came
}

// takeKey is the way of a telephone-event packet: one Key for each press, at its first packet
// that arrives, be it the last one sent.
func (l *Leg) takeKey(b []byte, p packet) {
	k, ok := parseKey(b[p.from:p.to])
	if !ok {
		l.leaveOut(p)
		return
	}
	s := &l.presses
	if s.any && s.ssrc == p.ssrc {
		after := int16(p.seq - s.seq)
		newer := after > 0 || after < -misorder
		if newer {
			s.seq = p.seq
		}
		switch {
		case s.goesOn(k, p.ts, newer):
			s.stillDown(k.digit, byEvent, l.loop().now)
			l.passOn(b, p)
			return
		case !newer && int32(p.ts-s.begin) < 0:
			// A repeated end of an earlier press, overtaken by this one.
			if s.code.Keys == "" { // else it may be one that was kept; the peer has had other ends
				l.passOn(b, p)
			}
			return
		}
	}
	// An earlier time under a later number: the sender has set its clock back.
	s.any, s.ssrc, s.seq, s.begin, s.latest = true, p.ssrc, p.seq, p.ts, k
	s.kept, _ = s.code.Press(k.digit, l.e.at(l.loop().now))
	l.passOn(b, p)
	l.pressed(k.digit, byEvent)
}

// passOn sends a telephone-event packet on to the peer, unless its press is kept from it.
func (l *Leg) passOn(b []byte, p packet) {
	switch {
	case l.peer == nil:
	case l.presses.kept:
		l.leaveOut(p)
	default:
		l.peer.forwardKey(b, p)
	}
}

// CatchKeys is of call.KeyCatcher. A press that goes on is passed on, or kept, to its end.
func (l *Leg) CatchKeys(code string) {
	l.do(func() { l.presses.code = call.Code{Keys: code} })
}

// goesOn says that the packet is of the press that is known, and notes it. A newer packet was sent
// after all that came before.
func (s *presses) goesOn(k keyEvent, ts uint32, newer bool) bool {
	was, since := s.latest, ts-s.begin // far more than any press where the clock was set back
	switch {
	case k.digit != was.digit:
		return since == 0 && !newer
	case since == 0:
		k.end, k.duration = k.end || was.end, max(k.duration, was.duration)
	case !was.end && was.duration >= longestEvent && since <= 0xFFFF+frameLength:
		// A press longer than 16 bits of samples goes on in a new event that begins where the old
		// one ended (RFC 4733 §2.5.1.3).
	case !was.end && k.duration > was.duration && since == uint32(k.duration-was.duration):
		// Quirk: Sonus gateways move the timestamp on with the duration.
	case was.end && k.end && k.duration == was.duration && since <= 3*frameLength:
		// Quirk: and so do some with the end, which they repeat.
	default:
		return false
	}
	s.begin, s.latest = ts, k
	return true
}

// Press is a key that came by INFO. 0-9, *, # and A-D; anything else is nothing.
func (l *Leg) Press(digit byte) {
	if digit >= 'a' && digit <= 'd' {
		digit -= 'a' - 'A'
	}
	if strings.IndexByte(digits, digit) < 0 {
		return
	}
	l.do(func() {
		if !l.ended {
			l.pressed(digit, byInfo)
		}
	})
}

// pressed delivers a press, unless it has been told on another way.
func (l *Leg) pressed(digit byte, by way) {
	now := l.loop().now
	if l.presses.pair(digit, by, now) {
		return
	}
	s := &l.presses
	s.recent[s.next] = press{digit: digit, told: by, seen: now}
	s.next = (s.next + 1) % len(s.recent)
	select {
	case l.keys <- call.Key{Digit: digit, At: l.e.at(now)}:
	default:
		l.e.metrics.keysDropped.Inc()
	}
}

// pair finds the oldest press that this may be another report of.
func (s *presses) pair(digit byte, by way, now int64) bool {
	for i := range s.recent {
		r := &s.recent[(s.next+i)%len(s.recent)]
		if r.digit == digit && r.told&by == 0 && now-r.seen < mergeTime {
			r.told |= by
			return true
		}
	}
	return false
}

// stillDown moves the time of a press on while it is heard to go on, since INFO is sent by some
// telephones when the key is let go.
func (s *presses) stillDown(digit byte, by way, now int64) {
	for i := range s.recent {
		r := &s.recent[(s.next+len(s.recent)-1-i)%len(s.recent)]
		if r.digit == digit && r.told&by != 0 {
			r.seen = now
			return
		}
	}
}
