package media

import (
	"math/rand/v2"
	"time"

	"hotline/call"
)

// frameLength is 20 ms of G.711, the packet time that everybody takes (RFC 3551 §4.2).
const (
	frameLength = 160
	frameTime   = 20 * millisecond
)

// patience is how long a joined peer may send nothing before we fill the gap with silence: five
// packets' time. Firewalls and the telephone's own watch for dead sound want packets.
const patience = 100 * millisecond

// grace is how much later than its slot a silence is sent that fills a joined peer's gap, so
// that a packet of the peer that was only a little late still finds its place free.
const grace = frameTime

// catchUp is how much we send at once after the loop was held up. What is older is skipped: a
// telephone's jitter buffer would throw it away.
const catchUp = 5 * frameTime

// An outgoing is the one stream a leg is sent: same SSRC, and sequence and timestamp without a
// jump, whatever it carries.
type outgoing struct {
	timer   timer
	started bool
	ssrc    uint32
	seq     uint16 // of the next packet
	ts      uint32 // of the next packet that is our own
	due     int64  // when that one leaves, by the engine's clock
	began   int64  // when the stream did
	beganTS uint32
	mark    bool // the next packet begins a talkspurt (RFC 3551 §4.1)
	packets uint64
	octets  uint64
	sinceSR uint64 // packets since the last sender report
}

// begin is what a leg is born with: numbers nobody can guess (RFC 3550 §5.1).
func (l *Leg) begin() {
	l.out.ssrc, l.out.ts = rand.Uint32(), rand.Uint32()
	l.out.seq = uint16(rand.Uint32())
	l.out.mark = true
	l.budget = tickBudget
	l.out.timer.fire = l.pace
	l.slow.fire = l.everySlowTick
	l.control.begin()
}

func (l *Leg) startStream() {
	lp := l.loop()
	// Legs that begin together still send at different milliseconds.
	lp.phase = (lp.phase + 7*millisecond) % frameTime
	l.out.started = true
	l.out.due = lp.now + lp.phase
	l.out.began, l.out.beganTS = l.out.due, l.out.ts
	l.pace()
}

// lead is how far a timestamp, were it sent at the given time, would run ahead of the clock that
// the stream began with, in samples.
func (o *outgoing) lead(ts uint32, at int64) int64 {
	return int64(int32(ts - o.beganTS - uint32(elapsed(at-o.began))))
}

// pace sends what is due of our own, and makes the next appointment.
func (l *Leg) pace() {
	lp, o := l.loop(), &l.out
	if !o.started {
		return
	}
	late := int64(0)
	if l.peer != nil && l.relay.live {
		late = grace
		if quiet := l.relay.at + patience + grace; lp.now < quiet {
			l.appoint(quiet)
			return
		}
		if !l.relay.filled {
			// What the peer did not say until now cannot be sent any more.
			l.skip(max(0, lp.now-late-o.due) / frameTime)
		}
	}
	if behind := lp.now - late - o.due; behind > catchUp {
		l.skip(behind / frameTime)
	}
	for lp.now >= o.due+late {
		l.sendOwn()
	}
	l.appoint(o.due + late)
}

// goOn is the way back from a peer's packets to our own, in the next slot that is free. A peer's
// first packet does not wait for the end of our last one, so each change puts the stream up to
// one frame ahead of the clock: here the clock catches up, or a recording would grow longer than
// its call.
func (l *Leg) goOn() {
	l.relay = relayRun{}
	l.out.mark = true
	if l.out.started {
		l.skip(max(0, l.loop().now-l.out.due) / frameTime)
		ahead := l.out.lead(l.out.ts, l.out.due) * int64(time.Second) / call.ClockRate
		l.out.due += min(max(0, ahead), catchUp)
		l.appoint(l.out.due)
	}
}

// appoint rounds up: a packet is never early, so two are never closer than they should be.
func (l *Leg) appoint(at int64) {
	l.loop().wheel.set(&l.out.timer, (at+millisecond-1)/millisecond)
}

// skip lets the clock of the stream go on without packets. What comes after the gap is marked:
// otherwise the telephone takes it for sound that was lost, or for another stream.
func (l *Leg) skip(frames int64) {
	if frames > 0 {
		l.out.mark = true
	}
	l.out.ts += uint32(frames * frameLength)
	l.out.due += frames * frameTime
}

// sendOwn sends one frame of clip, loop or silence in its slot. On hold the slot passes unused.
func (l *Leg) sendOwn() {
	lp, o := l.loop(), &l.out
	frame := lp.tx[rtpHeader:]
	ends := l.fill(frame)
	sent := false
	if l.maySend() {
		l.relay.filled = true
		if l.over.clips != nil {
			l.mix(frame)
		}
		sent = l.send(lp.tx[:], 0, uint8(l.remote.Codec), o.seq, o.ts, false)
		o.seq++
		l.heard(frame, o.ts)
	} else {
		o.mark = true
	}
	o.ts += frameLength
	o.due += frameTime
	l.content.sent(lp.e.at(lp.now), sent, ends)
}

func (l *Leg) maySend() bool { return l.remote.Send && known(l.source.target()) }

// send writes the header into b at offset off, and the packet to the peer. The marker is set
// where a new source begins, or where asked.
func (l *Leg) send(b []byte, off int, pt uint8, seq uint16, ts uint32, marker bool) bool {
	o := &l.out
	writeRTP(b[off:], marker || o.mark, pt, seq, ts, o.ssrc)
	o.mark = false
	to := l.source.target()
	err := l.rtp.socket.send(b[off:], to)
	if err != nil {
		// An ICMP that an earlier packet caused is told to this one, which was not sent then.
		err = l.rtp.socket.send(b[off:], to)
	}
	o.packets++
	o.sinceSR++
	o.octets += uint64(len(b) - off - rtpHeader)
	return err == nil
}

func (l *Leg) heard(payload []byte, ts uint32) {
	if l.tap != nil {
		l.tap.Take(call.Frame{
			Channel:   call.Heard,
			Codec:     l.remote.Codec,
			Timestamp: ts,
			At:        l.e.at(l.loop().now),
			Payload:   payload,
		})
	}
}

// elapsed turns the engine's clock into samples.
func elapsed(ns int64) int64 { return ns * call.ClockRate / int64(time.Second) }
