package media

import (
	"time"

	"hotline/call"
)

// A relayRun is the mapping of a peer's stream onto ours, kept by the leg that is sent to. It
// holds while the peer speaks one stream; where that breaks, a new one begins in the next free
// place of ours. Numbers go up by as much as the peer's did, so what was lost on the peer's side
// stays a gap that the far telephone conceals, and what was overtaken finds its own place.
type relayRun struct {
	live    bool
	ssrc    uint32
	tsOff   uint32 // our timestamp less the peer's
	highest uint16 // the peer's sequence number that was forwarded or left out last
	first   uint16 // where sequence numbers began to map without a break
	at      int64  // when something was forwarded last
	filled  bool   // we sent silence of our own since the last sound
	lateAt  int64  // since when sound has come too late; 0: it has not
	lateTS  uint32 // the timestamp of the first that did
}

// stubborn is how long sound may come too late, at the pace of speech, before we believe that the
// peer's clock stood still, as it does in some telephones while muted, and not the network. What
// comes faster was held up, and the sound of now is behind it.
const stubborn = 60 * millisecond

// farthest is how far a peer's timestamps may run ahead of our clock, in samples, before they are
// taken for a new stream.
const farthest = 2 * call.ClockRate

// forward sends a packet of sound, received by l.peer, on to l's telephone. b is the datagram,
// p what it says; the payload is in the codec it came in.
func (l *Leg) forward(b []byte, p packet, from call.Codec, stamp int64) {
	lp, o, r := l.loop(), &l.out, &l.relay
	if !o.started || p.from == p.to {
		return
	}
	late, ok := l.place(p)
	if !ok {
		l.e.metrics.dropped[dropLate].Inc()
		r.leaveOut(p.seq)
		return
	}
	ts, samples := p.ts+r.tsOff, int64(p.to-p.from)
	seq := l.number16(p.seq)
	r.at = lp.now
	if !late {
		// After silence of ours the peer's sound is a talkspurt: a slot may lie empty between.
		o.mark = o.mark || r.filled
		r.filled, r.lateAt = false, 0
		o.ts = ts + uint32(samples)
		o.due = lp.now + samples*int64(time.Second)/call.ClockRate
	}
	if !l.maySend() {
		o.mark = true
		return
	}
	payload := b[p.from:p.to]
	Transcode(payload, from, l.remote.Codec)
	if l.over.clips != nil {
		l.mix(payload)
	}
	l.send(b[:p.to], p.from-rtpHeader, uint8(l.remote.Codec), seq, ts, p.marker)
	l.heard(payload, ts)
	if stamp != 0 {
		l.e.metrics.relay.Observe(time.Duration(time.Now().UnixNano() - stamp).Seconds())
	}
}

// place finds the packet's timestamp in our stream. It is late where a later one has gone
// already and its place is still free, and not ok where the place is taken.
func (l *Leg) place(p packet) (late, ok bool) {
	lp, o, r := l.loop(), &l.out, &l.relay
	if !r.live || r.ssrc != p.ssrc {
		l.startRun(p)
		return false, true
	}
	ahead := int64(int32(p.ts + r.tsOff - o.ts))
	switch {
	case ahead == 0 || ahead > 0 && o.lead(p.ts+r.tsOff, lp.now) <= farthest:
		return false, true
	case ahead < 0 && int16(p.seq-r.highest) < 0 && !r.filled:
		return true, int16(p.seq-r.first) >= 0
	case ahead < 0 && ahead > -farthest && r.filled:
		if r.lateAt == 0 {
			r.lateAt, r.lateTS = lp.now, p.ts
		}
		since := lp.now - r.lateAt
		if since < stubborn || int64(int32(p.ts-r.lateTS)) > 2*elapsed(since) {
			return false, false
		}
	}
	l.startRun(p)
	return false, true
}

// startRun maps the packet to the next free place of our stream.
func (l *Leg) startRun(p packet) {
	lp, o := l.loop(), &l.out
	if behind := lp.now - o.due; behind >= frameTime {
		l.skip(behind / frameTime)
	}
	o.mark = true
	l.relay = relayRun{
		live: true, ssrc: p.ssrc, tsOff: o.ts - p.ts,
		highest: p.seq - 1, first: p.seq, at: lp.now,
	}
}

// number16 is the packet's sequence number in our stream, which it moves on. The largest gap
// that is kept is a second's; after a longer one nobody conceals anything.
func (l *Leg) number16(seq uint16) uint16 {
	o, r := &l.out, &l.relay
	step := int16(seq - r.highest)
	if step <= 0 {
		return o.seq + uint16(step) - 1
	}
	if step > 50 || r.filled {
		step, r.first = 1, seq
	}
	r.highest = seq
	o.seq += uint16(step)
	return o.seq - 1
}

// leaveOut notes a packet of the peer that is not sent on, so that it leaves no gap.
func (r *relayRun) leaveOut(seq uint16) {
	if r.live && int16(seq-r.highest) > 0 {
		r.highest, r.first = seq, seq+1
	}
}

// forwardKey sends a telephone-event packet of l.peer on, where l's telephone takes them. Its
// timestamp is that of the press's begin in the same mapping as the sound (RFC 4733 §2.5.1.2).
func (l *Leg) forwardKey(b []byte, p packet) {
	r := &l.relay
	if l.remote.KeysPT == 0 || !l.out.started || !l.maySend() {
		r.leaveOut(p.seq)
		return
	}
	if !r.live || r.ssrc != p.ssrc {
		l.startRun(p)
	} else if int16(p.seq-r.highest) < 0 && int16(p.seq-r.first) < 0 {
		return
	}
	r.at = l.loop().now
	seq := l.number16(p.seq)
	l.send(b[:p.to], p.from-rtpHeader, l.remote.KeysPT, seq, p.ts+r.tsOff, p.marker)
}
