package ear

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// A frame is one captured packet, from its link layer on.
type frame struct {
	at   time.Time
	link uint32 // LINKTYPE of tcpdump.org
	data []byte
}

// The kinds of link whose header we know.
const (
	linkNull     = 0   // BSD loopback: the address family in the host's order
	linkEthernet = 1   //
	linkRaw      = 101 // the IP packet itself
	linkLoop     = 108 // OpenBSD loopback
	linkCooked   = 113 // Linux "any"
	linkIPv4     = 228
	linkIPv6     = 229
	linkCooked2  = 276 // Linux "any", newer
)

// The first four bytes of a capture, as a number in the writer's order.
const (
	magicMicro  = 0xA1B2C3D4
	magicNano   = 0xA1B23C4D
	magicNG     = 0x0A0D0D0A // pcapng: the same in both orders
	magicNGByte = 0x1A2B3C4D // at byte 8 of its first block
)

// frames reads a capture: pcap as tcpdump writes it, and pcapng as tshark does. One that ends in the
// middle of a packet, because its writer was stopped, is read up to there.
func frames(file []byte) ([]frame, error) {
	if len(file) < 24 {
		return nil, errors.New("this is no capture: it is too short")
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(file) {
		case magicMicro:
			return pcapFrames(file, order, time.Microsecond)
		case magicNano:
			return pcapFrames(file, order, time.Nanosecond)
		case magicNG:
			return ngFrames(file)
		}
	}
	return nil, errors.New("this is no capture: neither pcap nor pcapng")
}

func pcapFrames(file []byte, order binary.ByteOrder, unit time.Duration) (all []frame, err error) {
	link := order.Uint32(file[20:]) & 0xFFFF // above it: how long the check sum is
	for rest := file[24:]; len(rest) >= 16; {
		size := int64(order.Uint32(rest[8:]))
		if size > int64(len(rest))-16 {
			break
		}
		at := time.Unix(int64(order.Uint32(rest)), int64(order.Uint32(rest[4:]))*int64(unit))
		all = append(all, frame{at, link, rest[16 : 16+size]})
		rest = rest[16+size:]
	}
	return all, nil
}

// An ngInterface is what pcapng says of where packets were captured.
type ngInterface struct {
	link uint32
	unit float64 // seconds of a tick
}

// The blocks of pcapng that are read (draft-ietf-opsawg-pcapng §4).
const (
	ngInterfaceBlock = 1
	ngPacketBlock    = 6
	ngResolution     = 9 // an option of the interface
)

func ngFrames(file []byte) (all []frame, err error) {
	var order binary.ByteOrder = binary.LittleEndian
	var interfaces []ngInterface
	for rest := file; len(rest) >= 12; {
		if order.Uint32(rest) == magicNG { // a section, whose order is its own
			order = binary.LittleEndian
			if order.Uint32(rest[8:]) != magicNGByte {
				order = binary.BigEndian
			}
			interfaces = nil
		}
		kind, size := order.Uint32(rest), int64(order.Uint32(rest[4:]))
		if size < 12 || size%4 != 0 {
			return nil, fmt.Errorf("the capture is damaged: a block of %d bytes", size)
		}
		if size > int64(len(rest)) {
			break
		}
		body := rest[8 : size-4]
		rest = rest[size:]
		switch {
		case kind == ngInterfaceBlock && len(body) >= 8:
			interfaces = append(interfaces, ngInterface{uint32(order.Uint16(body)), tick(body[8:], order)})
		case kind == ngPacketBlock && len(body) >= 20:
			n, length := int(order.Uint32(body)), int64(order.Uint32(body[12:]))
			if n >= len(interfaces) || length > int64(len(body))-20 {
				return nil, errors.New("the capture is damaged: a packet of an interface or a length that is not there")
			}
			ticks := uint64(order.Uint32(body[4:]))<<32 | uint64(order.Uint32(body[8:]))
			seconds := float64(ticks) * interfaces[n].unit // a float64 knows the microsecond until 2242
			at := time.Unix(0, int64(seconds*1e9))
			all = append(all, frame{at, interfaces[n].link, body[20 : 20+length]})
		}
	}
	return all, nil
}

// tick is the time that an interface counts in: a microsecond unless its options say otherwise.
func tick(options []byte, order binary.ByteOrder) float64 {
	for len(options) >= 4 {
		code, size := order.Uint16(options), int(order.Uint16(options[2:]))
		if code == 0 || 4+size > len(options) {
			break
		}
		if code == ngResolution && size >= 1 {
			base, power := 10.0, options[4]
			if power&0x80 != 0 {
				base, power = 2, power&0x7F
			}
			unit := 1.0
			for range power {
				unit /= base
			}
			return unit
		}
		options = options[min(len(options), 4+(size+3)/4*4):]
	}
	return 1e-6
}

// ip takes off the link's header; nil for what is no IP.
func (f frame) ip() []byte {
	head := map[uint32]int{linkNull: 4, linkLoop: 4, linkEthernet: 14, linkCooked: 16, linkCooked2: 20, linkRaw: 0, linkIPv4: 0, linkIPv6: 0}
	n, known := head[f.link]
	if !known || len(f.data) < n {
		return nil
	}
	if f.link == linkEthernet {
		for len(f.data) >= n+4 && binary.BigEndian.Uint16(f.data[n-2:]) == 0x8100 { // IEEE 802.1Q
			n += 4
		}
	}
	return f.data[n:]
}
