package phone

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// A ReceptionReport is what the peer last told about what it hears from us (RFC 3550 §6.4.1).
type ReceptionReport struct {
	At       time.Time // zero: none came
	Fraction float64   // share of packets lost since the report before, 0 to 1
	Lost     int       // packets lost since the beginning
	Jitter   time.Duration
}

// report sends a sender report with what we hear, and our name. It goes to the port above the
// peer's sound.
func (m *Media) report() {
	m.mu.Lock()
	defer m.mu.Unlock()
	manners := m.p.Manners()
	if manners.Dead || manners.NoRTP || !m.remote.IsValid() || m.over {
		return
	}
	now := time.Now()
	blocks := 0
	if m.in.started {
		blocks = 1
	}
	b := make([]byte, 28+24*blocks)
	b[0], b[1] = 0x80|byte(blocks), 200
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	binary.BigEndian.PutUint32(b[4:], m.out.ssrc)
	binary.BigEndian.PutUint64(b[8:], ntp(now))
	binary.BigEndian.PutUint32(b[16:], m.out.ts)
	binary.BigEndian.PutUint32(b[20:], uint32(m.sent.Packets))
	binary.BigEndian.PutUint32(b[24:], uint32(m.sent.Packets*frameLen))
	if blocks == 1 {
		r := b[28:]
		binary.BigEndian.PutUint32(r, m.in.ssrc)
		binary.BigEndian.PutUint32(r[4:], uint32(m.in.stats.Lost)&0xFFFFFF)
		if m.in.expected > 0 {
			r[4] = byte(min(255, 256*m.in.stats.Lost/m.in.expected))
		}
		binary.BigEndian.PutUint32(r[8:], uint32(m.in.seq))
		binary.BigEndian.PutUint32(r[12:], uint32(m.in.jitter))
	}
	// A compound packet must carry a CNAME (RFC 3550 §6.1): 6 characters, then padding to a word.
	sdes := []byte{0x81, 202, 0, 3, 0, 0, 0, 0, 1, 5, 'p', 'h', 'o', 'n', 'e', 0}
	binary.BigEndian.PutUint32(sdes[4:], m.out.ssrc)
	m.rtcp.WriteToUDPAddrPort(append(b, sdes...), netip.AddrPortFrom(m.remote.Addr(), m.remote.Port()+1))
}

// ntp is the time in the 64 bits of RFC 3550 §4: seconds since 1900 and their fraction.
func ntp(t time.Time) uint64 {
	const from1900 = 2208988800
	return uint64(t.Unix()+from1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}

func (m *Media) readRTCP() {
	buf := make([]byte, 2048)
	for {
		n, _, err := m.rtcp.ReadFromUDPAddrPort(buf)
		if err != nil {
			select {
			case <-m.quit:
				return
			default:
				continue
			}
		}
		m.takeRTCP(buf[:n], time.Now())
	}
}

// takeRTCP goes through a compound packet for a report about our stream.
func (m *Media) takeRTCP(b []byte, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(b) >= 8 && b[0]>>6 == 2 {
		length := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if length > len(b) {
			return
		}
		m.in.stats.RTCP++
		at := 8
		if b[1] == 200 {
			at = 28
		}
		if b[1] == 200 || b[1] == 201 {
			for i := 0; i < int(b[0]&31) && at+24 <= length; i++ {
				m.reported(b[at:at+24], now)
				at += 24
			}
		}
		b = b[length:]
	}
}

func (m *Media) reported(r []byte, now time.Time) {
	if binary.BigEndian.Uint32(r) != m.out.ssrc {
		return
	}
	m.in.stats.Report = ReceptionReport{
		At:       now,
		Fraction: float64(r[4]) / 256,
		Lost:     int(binary.BigEndian.Uint32(r[4:]) & 0xFFFFFF),
		Jitter:   time.Duration(binary.BigEndian.Uint32(r[12:])) * time.Second / clockHz,
	}
}
