package media

import (
	"net/netip"
	"time"

	"hotline/call"
)

// slowTick is how often a leg looks after itself, in milliseconds.
const slowTick = 250

// tickBudget is how many packets a leg may bring in one slow tick. The shortest packet time that
// anybody uses, 10 ms, makes 25; the rest is for what a network held up and lets go at once.
// A telephone gone mad must not take the other calls' time.
const tickBudget = 100

// An incoming is the state of the stream that a leg receives (RFC 3550 §6.4.1 and appendix A).
type incoming struct {
	any        bool
	ssrc       uint32
	base       uint32 // first sequence number, extended by its cycles
	highest    uint32
	window     uint64 // which of the last 64 came: bit 0 is the highest
	received   uint64 // of this stream, without duplicates
	lostBefore uint64 // lost in streams before this one
	packets    uint64 // of all streams
	transit    int64
	jitter     float64 // in samples
	timed      bool    // transit is known
	at         int64   // when the last packet came; 0: never
	counted    uint64  // losses that the metric has
	expectedSR uint64  // at our last report
	receivedSR uint64
}

// misorder is how far back or ahead a sequence number may be of the same stream. The sender of
// a longer jump has started anew.
const misorder = 3000

// note counts a packet. It is not fresh if it came before, or so late that nobody can tell.
func (in *incoming) note(p packet, now int64, sound bool) (fresh, changed bool) {
	step := int16(p.seq - uint16(in.highest))
	if !in.any || in.ssrc != p.ssrc || step > misorder || step < -misorder {
		changed = in.any
		in.lostBefore += in.lost()
		in.any, in.ssrc, in.received, in.window, in.timed = true, p.ssrc, 0, 0, false
		in.expectedSR, in.receivedSR = 0, 0
		// One cycle up, so that what overtook the first packet is not below zero.
		in.base = 1<<16 + uint32(p.seq)
		in.highest = in.base
		step = 0
	}
	switch {
	case step > 0:
		in.window = in.window << step
		in.highest += uint32(step)
		step = 0
	case step <= -64 || in.window&(1<<-step) != 0:
		return false, changed
	}
	in.window |= 1 << -step
	if first := in.highest - uint32(-step); first < in.base {
		in.base = first
	}
	in.received++
	in.packets++
	in.at = now
	if sound {
		transit := elapsed(now) - int64(p.ts)
		if in.timed {
			// The difference of two clocks of 32 bits.
			d := int64(int32(uint32(transit - in.transit)))
			in.jitter += (float64(max(d, -d)) - in.jitter) / 16
		}
		in.transit, in.timed = transit, true
	}
	return true, changed
}

func (in *incoming) expected() uint64 {
	if !in.any {
		return 0
	}
	return uint64(in.highest - in.base + 1)
}

// lost is how many packets of the present stream are missing.
func (in *incoming) lost() uint64 {
	if e := in.expected(); e > in.received {
		return e - in.received
	}
	return 0
}

// takeRTP is the way of a packet that came to the leg's RTP port.
func (l *Leg) takeRTP(b []byte, from netip.AddrPort, stamp int64) {
	m := l.e.metrics
	p, ok := parseRTP(b)
	if !ok {
		if looksLikeRTCP(b) { // RFC 5761, of telephones that were not asked to
			l.takeRTCP(b, from)
			return
		}
		m.dropped[dropMalformed].Inc()
		return
	}
	if !l.admit(from, p) {
		l.refuse()
		return
	}
	if l.budget--; l.budget < 0 {
		m.dropped[dropBudget].Inc()
		return
	}
	key := p.pt == l.remote.KeysPT && p.pt != 0
	fresh, changed := l.in.note(p, l.loop().now, !key)
	if changed {
		m.newStream.Inc()
	}
	if !fresh {
		return
	}
	switch {
	case key:
		l.takeKey(b, p)
	case p.pt == uint8(call.PCMU) || p.pt == uint8(call.PCMA):
		l.takeSound(b, p, stamp)
	case p.pt == comfortNoise:
		// Silence, said in few words. What we send in its place is silence too.
		if l.listens() {
			l.listen(p, nil)
		}
		l.leaveOut(p)
	default:
		m.dropped[dropCodec].Inc()
		l.leaveOut(p)
	}
}

func (l *Leg) leaveOut(p packet) {
	if l.peer != nil {
		l.peer.relay.leaveOut(p.seq)
	}
}

func (l *Leg) takeSound(b []byte, p packet, stamp int64) {
	if !l.remote.Receive {
		l.leaveOut(p)
		return
	}
	codec := call.Codec(p.pt)
	lp := l.loop()
	if l.tap != nil {
		l.tap.Take(call.Frame{
			Channel:   call.Said,
			Codec:     codec,
			Timestamp: p.ts,
			At:        l.e.at(lp.now),
			Payload:   b[p.from:p.to],
		})
	}
	if l.listens() {
		l.listen(p, b[p.from:p.to])
	}
	if l.peer == nil {
		return
	}
	if lp.sampled++; lp.sampled < relaySample {
		stamp = 0
	} else if stamp != 0 {
		lp.sampled = 0
	}
	l.peer.forward(b, p, codec, stamp)
}

// report is the snapshot behind Stats and Report.
func (l *Leg) report() Report {
	in := &l.in
	r := Report{
		AudioStats: call.AudioStats{
			Codec:           l.remote.Codec,
			PacketsSent:     l.out.packets,
			PacketsReceived: in.packets,
			PacketsLost:     in.lostBefore + in.lost(),
			Jitter:          time.Duration(in.jitter * float64(time.Second) / call.ClockRate),
		},
		RoundTrip:    l.control.roundTrip,
		RemoteLost:   l.control.remoteLost,
		RemoteJitter: l.control.remoteJitter,
	}
	if in.at != 0 {
		r.LastReceived = l.e.at(in.at)
	}
	return r
}

// countLosses brings the metric up to date. What was counted lost and came late stays counted.
func (l *Leg) countLosses() {
	if lost := l.in.lostBefore + l.in.lost(); lost > l.in.counted {
		if c := l.e.metrics.lost[l.o.Role]; c != nil {
			c.Add(float64(lost - l.in.counted))
		}
		l.in.counted = lost
	}
}

// everySlowTick is what a leg does four times a second.
func (l *Leg) everySlowTick() {
	lp := l.loop()
	lp.wheel.set(&l.slow, lp.now/millisecond+slowTick)
	l.budget = tickBudget
	l.unpinIfQuiet()
	l.countLosses()
	l.watchQuiet()
	l.forget()
	if l.control.ticks--; l.control.ticks <= 0 {
		l.control.ticks = reportTicks
		l.sendReport()
	}
}

// quietAfter is how long a peer may owe us sound before somebody asks whether it still lives.
func quietAfter() map[call.Role]time.Duration {
	return map[call.Role]time.Duration{
		call.RoleCaller:     30 * time.Second,
		call.RoleOperator:   10 * time.Second,
		call.RoleSupervisor: 10 * time.Second,
	}
}

// watchQuiet calls OnQuiet when it is time.
func (l *Leg) watchQuiet() {
	now := l.loop().now
	after := int64(l.e.quiet[l.o.Role])
	if l.o.OnQuiet == nil || l.quietFrom == 0 || after == 0 || now-max(l.quietFrom, l.in.at) < after {
		return
	}
	l.quietFrom = now
	go l.o.OnQuiet()
}
