package media

import "encoding/binary"

// rtpHeader is the length of the header that we write: no CSRC, no extension (RFC 3550 §5.1).
const rtpHeader = 12

// comfortNoise is the static payload type of RFC 3389. We never offer it, some send it.
const comfortNoise = 13

// largestPacket is more than any telephone sends: 60 ms of G.711 and a long extension fit an
// Ethernet frame many times over. What is longer is dropped unread.
const largestPacket = 1500

// A packet is an RTP packet that has been read. Its payload is b[from:to] of the datagram.
type packet struct {
	marker   bool
	pt       uint8
	seq      uint16
	ts       uint32
	ssrc     uint32
	from, to int
}

// parseRTP reads one datagram by RFC 3550 §5.1: CSRCs and extension are skipped, padding is cut
// off. It is not ok for what is no RTP, or lies about its lengths.
func parseRTP(b []byte) (p packet, ok bool) {
	if len(b) < rtpHeader || len(b) > largestPacket || b[0]>>6 != 2 {
		return p, false
	}
	// RFC 5761 §4: these payload types are RTCP's on a shared port, with the marker bit set.
	if b[1] >= 192 && b[1] <= 223 {
		return p, false
	}
	p = packet{
		marker: b[1]&0x80 != 0,
		pt:     b[1] & 0x7F,
		seq:    binary.BigEndian.Uint16(b[2:]),
		ts:     binary.BigEndian.Uint32(b[4:]),
		ssrc:   binary.BigEndian.Uint32(b[8:]),
		from:   rtpHeader + int(b[0]&15)*4,
		to:     len(b),
	}
	if b[0]&0x10 != 0 {
		if p.from+4 > len(b) {
			return p, false
		}
		p.from += 4 + int(binary.BigEndian.Uint16(b[p.from+2:]))*4
	}
	if b[0]&0x20 != 0 {
		padding := int(b[len(b)-1])
		if padding == 0 {
			return p, false
		}
		p.to -= padding
	}
	return p, p.from <= p.to
}

// writeRTP writes the header of a packet to b[:rtpHeader].
func writeRTP(b []byte, marker bool, pt uint8, seq uint16, ts, ssrc uint32) {
	b[0] = 2 << 6
	b[1] = pt
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], ssrc)
}
