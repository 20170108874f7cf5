package media

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"hotline/call"
)

// reportTicks is how many slow ticks lie between two reports: 5 s (RFC 3550 §6.2).
const reportTicks = 5000 / slowTick

// Packet types of RTCP (RFC 3550 §12.1).
const (
	rtcpSR   = 200
	rtcpRR   = 201
	rtcpSDES = 202
	rtcpBye  = 203
)

// A control is the RTCP of a leg.
type control struct {
	ticks   int // until the next report
	cname   string
	learned netip.AddrPort // where the peer's reports come from

	// The peer's last sender report, to be named in our next one.
	lastSR   uint32 // middle of its NTP time
	lastSRAt int64

	// What the peer says of our stream.
	roundTrip    time.Duration
	remoteLost   float64
	remoteJitter time.Duration
}

func (c *control) begin() {
	c.ticks = 1 + rand.IntN(reportTicks)
	c.cname = fmt.Sprintf("%016x", rand.Uint64()) // RFC 7022: says nothing of us
}

// A reportBlock is one stream's reception as its receiver tells (RFC 3550 §6.4.1).
type reportBlock struct {
	ssrc    uint32
	lost    uint8 // in 256ths, since the last report
	total   uint32
	highest uint32
	jitter  uint32
	lastSR  uint32
	delay   uint32 // since then, in 65536ths of a second
}

const reportBlockLength = 24

func looksLikeRTCP(b []byte) bool {
	return len(b) >= 8 && b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223
}

// parseRTCP walks through a compound packet. sr gets the NTP time of each sender report, block
// each report block. It is false for what is no RTCP, or lies about its lengths; what stood
// before the lie has been told then.
func parseRTCP(b []byte, sr func(ntp uint64), block func(reportBlock)) bool {
	if !looksLikeRTCP(b) || len(b) > largestPacket {
		return false
	}
	for len(b) > 0 {
		if len(b) < 4 || b[0]>>6 != 2 {
			return false
		}
		end := 4 + int(binary.BigEndian.Uint16(b[2:]))*4
		if end > len(b) {
			return false
		}
		count, kind, body := int(b[0]&31), b[1], b[4:end]
		b = b[end:]
		skip := 4 // the reporter's SSRC
		if kind == rtcpSR {
			skip = 24
		} else if kind != rtcpRR {
			continue
		}
		if len(body) < skip+count*reportBlockLength {
			return false
		}
		if kind == rtcpSR {
			sr(binary.BigEndian.Uint64(body[4:]))
		}
		for i := range count {
			block(readBlock(body[skip+i*reportBlockLength:]))
		}
	}
	return true
}

func readBlock(b []byte) reportBlock {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(b[i*4:]) }
	return reportBlock{
		ssrc: word(0), lost: b[4], total: word(1) & 0xFFFFFF,
		highest: word(2), jitter: word(3), lastSR: word(4), delay: word(5),
	}
}

func (r reportBlock) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, r.ssrc)
	b = binary.BigEndian.AppendUint32(b, uint32(r.lost)<<24|min(r.total, 0x7FFFFF))
	b = binary.BigEndian.AppendUint32(b, r.highest)
	b = binary.BigEndian.AppendUint32(b, r.jitter)
	b = binary.BigEndian.AppendUint32(b, r.lastSR)
	return binary.BigEndian.AppendUint32(b, r.delay)
}

// ntp is a time in the format of RFC 3550 §4.
func ntp(t time.Time) uint64 {
	const from1900to1970 = 2208988800
	seconds := uint64(t.Unix() + from1900to1970)
	return seconds<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// takeRTCP is the way of a packet that came to the leg's RTCP port.
func (l *Leg) takeRTCP(b []byte, from netip.AddrPort) {
	if from.Addr() != l.source.target().Addr() {
		l.refuse()
		return
	}
	now := l.loop().now
	ok := parseRTCP(b, func(t uint64) {
		l.control.lastSR, l.control.lastSRAt = uint32(t>>16), now
	}, func(r reportBlock) {
		if r.ssrc == l.out.ssrc {
			l.learnQuality(r)
		}
	})
	if !ok {
		l.e.metrics.dropped[dropMalformed].Inc()
		return
	}
	l.control.learned = from
}

func (l *Leg) learnQuality(r reportBlock) {
	c := &l.control
	c.remoteLost = float64(r.lost) / 256
	c.remoteJitter = time.Duration(r.jitter) * time.Second / call.ClockRate
	if r.lastSR == 0 {
		return
	}
	// RFC 3550 §6.4.1: now, less when our report left, less how long it lay there.
	trip := int64(int32(uint32(ntp(l.e.at(l.e.clock()))>>16) - r.lastSR - r.delay))
	if trip >= 0 && trip < 10<<16 {
		c.roundTrip = time.Duration(trip) * time.Second >> 16
	}
}

// rtcpTarget is where reports go: to where the peer's come from, else to where its SDP says, else
// to the port after that of its sound.
func (l *Leg) rtcpTarget() netip.AddrPort {
	to := l.source.target()
	switch {
	case l.control.learned.IsValid():
		return l.control.learned
	case to == l.source.sdp && known(l.remote.RTCP):
		return l.remote.RTCP
	case known(to) && to.Port() < 65535:
		return netip.AddrPortFrom(to.Addr(), to.Port()+1)
	}
	return netip.AddrPort{}
}

func (l *Leg) sendReport() {
	l.sendRTCP(l.appendReport(l.loop().reports[:0]))
}

// sayGoodbye tells that the stream has ended (RFC 3550 §6.6).
func (l *Leg) sayGoodbye() {
	b := l.appendReport(l.loop().reports[:0])
	b = append(b, 2<<6|1, rtcpBye, 0, 1)
	l.sendRTCP(binary.BigEndian.AppendUint32(b, l.out.ssrc))
}

func (l *Leg) sendRTCP(b []byte) {
	if to := l.rtcpTarget(); l.out.started && known(to) {
		// A lost report is followed by the next; there is nobody to tell.
		_ = l.rtcp.socket.send(b, to)
	}
}

// appendReport makes the report that each compound packet begins with, and the name it must have
// (RFC 3550 §6.1): of a sender if we have sent since the last one.
func (l *Leg) appendReport(b []byte) []byte {
	lp, o := l.loop(), &l.out
	begin := len(b)
	kind, count := byte(rtcpRR), byte(0)
	if o.sinceSR > 0 {
		kind = rtcpSR
	}
	b = append(b, 2<<6, kind, 0, 0)
	b = binary.BigEndian.AppendUint32(b, o.ssrc)
	if kind == rtcpSR {
		now := l.e.clock()
		b = binary.BigEndian.AppendUint64(b, ntp(l.e.at(now)))
		b = binary.BigEndian.AppendUint32(b, o.ts+uint32(elapsed(now-o.due)))
		b = binary.BigEndian.AppendUint32(b, uint32(o.packets))
		b = binary.BigEndian.AppendUint32(b, uint32(o.octets))
	}
	if l.in.any {
		count = 1
		b = l.receptionBlock(lp.now).append(b)
	}
	o.sinceSR = 0
	closeRTCP(b[begin:], count)

	begin = len(b)
	b = append(b, 2<<6, rtcpSDES, 0, 0)
	b = binary.BigEndian.AppendUint32(b, o.ssrc)
	b = append(b, 1, byte(len(l.control.cname)))
	b = append(b, l.control.cname...)
	b = append(b, 0)
	for (len(b)-begin)%4 != 0 {
		b = append(b, 0)
	}
	closeRTCP(b[begin:], 1)
	return b
}

// closeRTCP writes the count and the length into a packet that is complete.
func closeRTCP(b []byte, count byte) {
	b[0] |= count
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
}

func (l *Leg) receptionBlock(now int64) reportBlock {
	in, c := &l.in, &l.control
	r := reportBlock{
		ssrc:    in.ssrc,
		total:   uint32(in.lost()),
		highest: in.highest,
		jitter:  uint32(in.jitter),
	}
	expected, received := in.expected()-in.expectedSR, in.received-in.receivedSR
	in.expectedSR, in.receivedSR = in.expected(), in.received
	if expected > received && expected < 1<<32 {
		r.lost = uint8(min((expected-received)<<8/expected, 255))
	}
	if c.lastSR != 0 {
		r.lastSR = c.lastSR
		r.delay = uint32((now - c.lastSRAt) << 16 / second)
	}
	return r
}
