package phone

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"time"
)

// A Packet is one packet of sound as it was heard.
type Packet struct {
	At        time.Time
	Seq       uint16
	Timestamp uint32
	SSRC      uint32
	Type      int // payload type
	PCM       []int16

	marker bool
}

// Received counts what a call has received since it began.
type Received struct {
	Packets     int // of sound
	Events      int // telephone-event packets
	Other       int // of a payload type that was not agreed, or no RTP at all
	SSRCs       []uint32
	Types       []int            // payload types of sound
	Sources     []netip.AddrPort // addresses that packets came from
	Lost        int              // sequence numbers that never came, within each SSRC
	Duplicates  int              // sequence numbers that came again
	Reordered   int              // packets that came after a later one
	Jumps       int              // where the timestamp did not go on as the sequence did
	Talkspurts  int              // where it left out time, marked as such (RFC 3551 §4.1): no jump
	LongestGap  time.Duration    // longest time between two packets
	First, Last time.Time        // zero before the first
	Strayed     int              // packets that arrived at a port given up by ChangePort
	RTCP        int              // RTCP packets
	Report      ReceptionReport  // the peer's last report about what it hears from us
}

// Continuous reports whether everything came as one unbroken stream: one SSRC, no timestamp
// jump, no duplicate. Packets lost on the way do not count against the sender.
func (r Received) Continuous() bool {
	return len(r.SSRCs) == 1 && r.Jumps == 0 && r.Duplicates == 0
}

// inStream is what we receive.
type inStream struct {
	remember int
	packets  []Packet
	stats    Received
	started  bool
	ssrc     uint32
	seq      uint16       // highest
	ts       uint32       // of it
	length   int          // samples in it
	seen     [1024]uint32 // sequence numbers + 1, by their low bits: duplicates
	expected int
	lastKey  uint32
	anyKey   bool
	jitter   float64
	transit  float64
}

func (m *Media) read(s *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := s.ReadFromUDPAddrPort(buf)
		if err != nil {
			select {
			case <-m.quit:
				return
			default:
				continue // an ICMP error
			}
		}
		m.take(s, buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), time.Now())
	}
}

// take takes one datagram.
func (m *Media) take(s *net.UDPConn, b []byte, from netip.AddrPort, now time.Time) {
	if manners := m.p.Manners(); manners.Dead || manners.Deaf {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	in := &m.in
	if s != m.socks[len(m.socks)-1] {
		in.stats.Strayed++
		return
	}
	payload, ok := rtpPayload(b)
	if !ok {
		in.stats.Other++
		return
	}
	pkt := Packet{
		At: now, Type: int(b[1] & 0x7F), marker: b[1]&0x80 != 0, Seq: binary.BigEndian.Uint16(b[2:]),
		Timestamp: binary.BigEndian.Uint32(b[4:]), SSRC: binary.BigEndian.Uint32(b[8:]),
	}
	if !slices.Contains(in.stats.Sources, from) {
		in.stats.Sources = append(in.stats.Sources, from)
	}
	if !slices.Contains(in.stats.SSRCs, pkt.SSRC) {
		in.stats.SSRCs = append(in.stats.SSRCs, pkt.SSRC)
	}
	event := m.event >= 0 && pkt.Type == m.event
	if !event {
		pkt.PCM = decode(payload, pkt.Type)
		if pkt.PCM == nil {
			in.stats.Other++
			return
		}
	}
	fresh := in.order(&pkt, event)
	switch {
	case event:
		in.stats.Events++
		m.keyHeard(payload, pkt.Timestamp)
	case fresh:
		m.soundHeard(pkt)
	}
}

// rtpPayload checks the header (RFC 3550 §5.1) and takes off extension and padding.
func rtpPayload(b []byte) ([]byte, bool) {
	if len(b) < 12 || b[0]>>6 != 2 {
		return nil, false
	}
	at, end := 12+4*int(b[0]&15), len(b)
	if b[0]&0x10 != 0 {
		if at+4 > end {
			return nil, false
		}
		at += 4 + 4*int(binary.BigEndian.Uint16(b[at+2:]))
	}
	if b[0]&0x20 != 0 {
		end -= int(b[len(b)-1])
	}
	if at > end {
		return nil, false
	}
	return b[at:end], true
}

// order counts gaps, duplicates, reordering and jumps; false for a duplicate.
func (in *inStream) order(p *Packet, event bool) bool {
	if !in.started || in.ssrc != p.SSRC {
		in.started, in.ssrc, in.seq, in.ts, in.length = true, p.SSRC, p.Seq, p.Timestamp, len(p.PCM)
		in.seen = [1024]uint32{}
		in.seen[p.Seq%1024] = uint32(p.Seq) + 1
		in.expected++
		return true
	}
	slot := &in.seen[p.Seq%1024]
	if *slot == uint32(p.Seq)+1 {
		in.stats.Duplicates++
		return false
	}
	*slot = uint32(p.Seq) + 1
	ahead := int16(p.Seq - in.seq)
	if ahead < 0 {
		in.stats.Reordered++
		in.stats.Lost = max(0, in.stats.Lost-1) // it had been counted as lost
		return true
	}
	in.stats.Lost += int(ahead) - 1
	in.expected += int(ahead)
	if !event { // all packets of an event share one timestamp
		step, regular := p.Timestamp-in.ts, uint32(int(ahead)*in.length)
		switch {
		case in.length == 0 || step == regular:
		case p.marker && int32(step-regular) > 0:
			in.stats.Talkspurts++
		default:
			in.stats.Jumps++
		}
		in.ts, in.length = p.Timestamp, len(p.PCM)
	} else {
		in.length = 0 // the next packet of sound may be anywhere
	}
	in.seq = p.Seq
	return true
}

func (m *Media) soundHeard(p Packet) {
	in := &m.in
	st := &in.stats
	if st.Packets == 0 {
		st.First = p.At
	} else {
		st.LongestGap = max(st.LongestGap, p.At.Sub(st.Last))
	}
	st.Packets++
	st.Last = p.At
	if !slices.Contains(st.Types, p.Type) {
		st.Types = append(st.Types, p.Type)
	}
	in.arrived(p)
	if len(in.packets) >= in.remember && in.remember > 0 {
		in.packets = slices.Delete(in.packets, 0, max(1, in.remember/8))
	}
	in.packets = append(in.packets, p)
	if e, ok := m.source.(*echo); ok {
		e.heard(p.PCM)
	}
}

// arrived updates the jitter for our reports (RFC 3550 §6.4.1), in clock ticks.
func (in *inStream) arrived(p Packet) {
	transit := float64(p.At.UnixNano())*clockHz/1e9 - float64(p.Timestamp)
	if in.stats.Packets > 1 {
		d := transit - in.transit
		if d < 0 {
			d = -d
		}
		if d < clockHz { // a wrap or a new stream says nothing about the network
			in.jitter += (d - in.jitter) / 16
		}
	}
	in.transit = transit
}

// keyHeard delivers an event at its first packet, whichever of them arrives.
func (m *Media) keyHeard(payload []byte, ts uint32) {
	if len(payload) < 4 || int(payload[0]) >= len(digits) || (m.in.anyKey && m.in.lastKey == ts) {
		return
	}
	m.in.anyKey, m.in.lastKey = true, ts
	select {
	case m.keys <- digits[payload[0]]:
	default:
	}
}

// Received is a snapshot of the counters.
func (m *Media) Received() Received {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.in.stats
	r.SSRCs, r.Types, r.Sources = slices.Clone(r.SSRCs), slices.Clone(r.Types), slices.Clone(r.Sources)
	return r
}

// Packets are the packets of sound that the call remembers (Options.Remember), oldest first, in
// the order of arrival. Their samples must not be changed.
func (m *Media) Packets() []Packet {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.in.packets)
}

// HeardPCM is everything that the call remembers of what it heard, one packet after another,
// without the gaps of what was never sent, and when its first packet arrived.
func (m *Media) HeardPCM() (pcm []int16, from time.Time) {
	for i, p := range m.Packets() {
		if i == 0 {
			from = p.At
		}
		pcm = append(pcm, p.PCM...)
	}
	return pcm, from
}

// Forget drops what was heard, to judge only what comes from now on. The counters stay.
func (m *Media) Forget() {
	m.mu.Lock()
	m.in.packets = nil
	m.mu.Unlock()
}
