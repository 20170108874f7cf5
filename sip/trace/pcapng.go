package trace

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"net/url"
	"time"

	"hotline/call"
)

// The parts of pcapng (draft-ietf-opsawg-pcapng) that we write. It is the one capture format that
// says of each packet which way it went, and who was there.
const (
	blockSection   = 0x0A0D0D0A
	blockInterface = 1
	blockPacket    = 6 // Enhanced Packet Block

	byteOrder = 0x1A2B3C4D
	linkRaw   = 101 // LINKTYPE_RAW: the packet begins with its IP header

	optionEnd       = 0
	optionComment   = 1
	optionFlags     = 2 // of a packet
	optionTimestamp = 9 // of an interface: resolution
	nanoseconds     = 9

	inbound, outbound = 1, 2
)

// maxPayload is the most of one message that fits an UDP packet of IPv4 (or IPv6 without jumbo).
const maxPayload = 65_535 - 20 - 8

var le, be = binary.LittleEndian, binary.BigEndian

// appendHead begins a capture.
func appendHead(b []byte) []byte {
	section := le.AppendUint32(nil, byteOrder)
	section = le.AppendUint16(section, 1) // version 1.0
	section = le.AppendUint16(section, 0)
	section = le.AppendUint64(section, ^uint64(0)) // length not told: the file may grow
	b = appendBlock(b, blockSection, section)
	door := le.AppendUint16(nil, linkRaw)
	door = le.AppendUint16(door, 0)
	door = le.AppendUint32(door, 0) // packets of any size
	door = appendOption(door, optionTimestamp, []byte{nanoseconds})
	door = appendOption(door, optionEnd, nil)
	return appendBlock(b, blockInterface, door)
}

// appendMessage adds one message as the UDP packet that carried it, or would have.
func appendMessage(b []byte, m Message) []byte {
	packet := packetOf(m)
	at := uint64(m.At.UnixNano())
	body := le.AppendUint32(nil, 0) // interface
	body = le.AppendUint32(body, uint32(at>>32))
	body = le.AppendUint32(body, uint32(at))
	body = le.AppendUint32(body, uint32(len(packet)))
	body = le.AppendUint32(body, uint32(len(packet)))
	body = pad(append(body, packet...))
	about := url.Values{"role": {string(m.Role)}, "peer": {m.Peer}, "transport": {m.Transport}}
	body = appendOption(body, optionComment, []byte(about.Encode()))
	flags := uint32(inbound)
	if m.Sent {
		flags = outbound
	}
	body = appendOption(body, optionFlags, le.AppendUint32(nil, flags))
	return appendBlock(b, blockPacket, appendOption(body, optionEnd, nil))
}

func appendBlock(b []byte, kind uint32, body []byte) []byte {
	size := uint32(12 + len(body))
	b = le.AppendUint32(b, kind)
	b = le.AppendUint32(b, size)
	b = append(b, body...)
	return le.AppendUint32(b, size)
}

func appendOption(b []byte, code uint16, value []byte) []byte {
	b = le.AppendUint16(b, code)
	b = le.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...))
}

// pad fills up to a multiple of four bytes; every part of a block before it has been filled so.
func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// packetOf is the message in an IP packet, right to its checksums. TCP and TLS are shown as UDP
// too: of those we have messages, not packets.
func packetOf(m Message) []byte {
	src, dst := ends(m)
	payload := m.Bytes[:min(len(m.Bytes), maxPayload)]
	size := 8 + len(payload)
	var ip []byte
	if src.Addr().Is4() {
		ip = append(ip, 0x45, 0)
		ip = be.AppendUint16(ip, uint16(20+size))
		ip = append(ip, 0, 0, 0x40, 0, 64, 17, 0, 0) // no fragment, UDP
		ip = append(append(ip, src.Addr().AsSlice()...), dst.Addr().AsSlice()...)
		be.PutUint16(ip[10:], ^fold(sum(0, ip)))
	} else {
		ip = append(ip, 0x60, 0, 0, 0)
		ip = be.AppendUint16(ip, uint16(size))
		ip = append(ip, 17, 64)
		ip = append(append(ip, src.Addr().AsSlice()...), dst.Addr().AsSlice()...)
	}
	udp := be.AppendUint16(nil, src.Port())
	udp = be.AppendUint16(udp, dst.Port())
	udp = be.AppendUint16(udp, uint16(size))
	udp = append(append(udp, 0, 0), payload...)
	pseudo := sum(uint32(17+size), append(src.Addr().AsSlice(), dst.Addr().AsSlice()...))
	check := ^fold(sum(pseudo, udp))
	if check == 0 {
		check = 0xFFFF // zero means that there is none (RFC 768)
	}
	be.PutUint16(udp[6:], check)
	return append(ip, udp...)
}

// ends are source and destination in one family: a socket that is bound to all addresses may not
// know which of them it was.
func ends(m Message) (src, dst netip.AddrPort) {
	local, remote := plain(m.Local), plain(m.Remote)
	if local.Addr().Is4() != remote.Addr().Is4() {
		any := netip.IPv6Unspecified()
		if remote.Addr().Is4() {
			any = netip.IPv4Unspecified()
		}
		local = netip.AddrPortFrom(any, local.Port())
	}
	if m.Sent {
		return local, remote
	}
	return remote, local
}

func plain(a netip.AddrPort) netip.AddrPort {
	addr := a.Addr().Unmap().WithZone("")
	if !addr.IsValid() {
		addr = netip.IPv4Unspecified()
	}
	return netip.AddrPortFrom(addr, a.Port())
}

// sum adds up b in words of 16 bits (RFC 1071).
func sum(s uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		s += uint32(be.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xFFFF {
		s = s>>16 + s&0xFFFF
	}
	return uint16(s)
}

// Capture is the messages of a call as a capture file.
func Capture(ms []Message) []byte {
	b := appendHead(nil)
	for _, m := range ms {
		b = appendMessage(b, m)
	}
	return b
}

var errNoCapture = errors.New("this is no capture of ours")

// parse reads back what Capture and a Keeper have written. A last block that is not whole, of a
// process that died while it wrote, is left out.
func parse(id call.ID, b []byte) (ms []Message, err error) {
	if len(b) >= 12 && (le.Uint32(b) != blockSection || le.Uint32(b[8:]) != byteOrder) {
		return nil, errNoCapture
	}
	for len(b) >= 12 {
		kind, size := le.Uint32(b), le.Uint32(b[4:])
		if size < 12 || size%4 != 0 || uint64(size) > uint64(len(b)) || le.Uint32(b[size-4:]) != size {
			break
		}
		if kind == blockPacket {
			if m, ok := parsePacket(b[8 : size-4]); ok {
				m.Call = id
				ms = append(ms, m)
			}
		}
		b = b[size:]
	}
	return ms, nil
}

// parsePacket reads the body of one packet's block.
func parsePacket(b []byte) (m Message, ok bool) {
	if len(b) < 20 {
		return m, false
	}
	at := uint64(le.Uint32(b[4:]))<<32 | uint64(le.Uint32(b[8:]))
	m.At = time.Unix(0, int64(at)).UTC()
	size := int(le.Uint32(b[12:]))
	if size < 0 || size > len(b)-20 {
		return m, false
	}
	packet := b[20 : 20+size]
	for options := b[20+(size+3)&^3:]; len(options) >= 4; {
		code, n := le.Uint16(options), int(le.Uint16(options[2:]))
		if code == optionEnd || n > len(options)-4 {
			break
		}
		value := options[4 : 4+n]
		switch {
		case code == optionComment:
			about, _ := url.ParseQuery(string(value)) // what cannot be read is left out
			m.Role, m.Peer, m.Transport = call.Role(about.Get("role")), about.Get("peer"), about.Get("transport")
		case code == optionFlags && n == 4:
			m.Sent = le.Uint32(value)&3 == outbound
		}
		options = options[min(len(options), 4+(n+3)&^3):]
	}
	src, dst, payload, ok := parseIP(packet)
	m.Local, m.Remote, m.Bytes = dst, src, payload
	if m.Sent {
		m.Local, m.Remote = src, dst
	}
	return m, ok
}

func parseIP(p []byte) (src, dst netip.AddrPort, payload []byte, ok bool) {
	var from, to netip.Addr
	switch {
	case len(p) >= 28 && p[0] == 0x45:
		from, _ = netip.AddrFromSlice(p[12:16])
		to, _ = netip.AddrFromSlice(p[16:20])
		p = p[20:]
	case len(p) >= 48 && p[0]>>4 == 6:
		from, _ = netip.AddrFromSlice(p[8:24])
		to, _ = netip.AddrFromSlice(p[24:40])
		p = p[40:]
	default:
		return src, dst, nil, false
	}
	return netip.AddrPortFrom(from, be.Uint16(p)), netip.AddrPortFrom(to, be.Uint16(p[2:])), p[8:], true
}
