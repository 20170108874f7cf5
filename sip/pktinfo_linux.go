package sip

import (
	"errors"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// noteAddresses asks the kernel to say of each datagram which address of ours it came to
// (IP_PKTINFO, and RFC 3542 §6 for IPv6). A socket of both families needs both: the kernel tells
// IPv4 datagrams on it by mapped addresses.
func noteAddresses(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	six := !conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Is4()
	var set error
	err = raw.Control(func(fd uintptr) {
		if six {
			set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
			return
		}
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	})
	return errors.Join(err, set)
}

// noteBytes is the room that the kernel's note of one address takes.
const noteBytes = unix.SizeofCmsghdr + unix.SizeofInet6Pktinfo + 8

// noted reads the address of ours that a datagram came to; the zero address if it is not there.
func noted(note []byte) netip.Addr {
	const head = (unix.SizeofCmsghdr + 7) &^ 7
	for len(note) >= head {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&note[0]))
		size := int(h.Len)
		if size < head || size > len(note) {
			return netip.Addr{}
		}
		body := note[head:size]
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(body) >= unix.SizeofInet4Pktinfo:
			return netip.AddrFrom4([4]byte(body[4:8])) // ipi_spec_dst
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(body) >= unix.SizeofInet6Pktinfo:
			return netip.AddrFrom16([16]byte(body[:16])).Unmap()
		}
		note = note[min(len(note), (size+7)&^7):]
	}
	return netip.Addr{}
}

// noteOf is the note that makes the kernel send a datagram from an address of ours. six says
// that the socket is one of IPv6, whatever the family of the address.
func noteOf(from netip.Addr, six bool) []byte {
	const head = (unix.SizeofCmsghdr + 7) &^ 7
	if !six {
		b := make([]byte, unix.CmsgSpace(unix.SizeofInet4Pktinfo))
		putNoteHead(b, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.CmsgLen(unix.SizeofInet4Pktinfo))
		a := from.As4()
		copy(b[head+4:], a[:])
		return b
	}
	b := make([]byte, unix.CmsgSpace(unix.SizeofInet6Pktinfo))
	putNoteHead(b, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.CmsgLen(unix.SizeofInet6Pktinfo))
	a := from.As16()
	copy(b[head:], a[:])
	return b
}

func putNoteHead(b []byte, level, kind int32, length int) {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = level, kind
	h.SetLen(length)
}
