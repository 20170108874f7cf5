package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"
)

// A flow is one way to a peer: a UDP socket of ours, the peer's address and the address of ours
// that the peer knows, or one connection over TCP or TLS. Its zero value leads nowhere.
type flow struct {
	udp  *udpSocket
	tcp  *tcpConn
	peer netip.AddrPort
	// from is the address of ours that UDP leaves from, where the socket has several. The zero
	// address leaves it to the kernel.
	from netip.Addr
	// witness is told of what goes by this flow, if it belongs to a leg.
	witness *witness
}

var errNoFlow = errors.New("no way to the peer")

// send writes one message without waiting for the peer.
func (f flow) send(b []byte) error {
	f.witness.sent(f, b)
	switch {
	case f.udp != nil:
		return f.udp.write(b, f.from, f.peer)
	case f.tcp != nil:
		return f.tcp.send(b)
	}
	return errNoFlow
}

// reliable says that the transport repeats by itself.
func (f flow) reliable() bool { return f.tcp != nil }

func (f flow) transport() string {
	switch {
	case f.tcp == nil:
		return "udp"
	case f.tcp.secure:
		return "tls"
	}
	return "tcp"
}

// alive says whether something sent now may arrive.
func (f flow) alive() bool {
	return f.udp != nil || (f.tcp != nil && !f.tcp.gone())
}

// door is the listener of ours that the flow belongs to.
func (f flow) door() *door {
	switch {
	case f.udp != nil:
		return &f.udp.door
	case f.tcp != nil:
		return &f.tcp.door
	}
	return nil
}

func (f flow) side() side {
	if d := f.door(); d != nil {
		return d.side
	}
	return trunkSide
}

// arrival is how a message came that came by this flow.
func (f flow) arrival() arrival {
	return arrival{Side: f.side(), Transport: f.transport(), Source: f.peer, Local: f.local()}
}

// local is where the peer reaches us: the address that its messages come to, as far as we know
// it, and the port that we listen on.
func (f flow) local() netip.AddrPort {
	d := f.door()
	switch {
	case d == nil:
		return netip.AddrPort{}
	case f.tcp != nil:
		return withAddr(d.at, f.tcp.local.Addr())
	case f.from.IsValid():
		return withAddr(d.at, f.from)
	}
	return d.at
}

// A door is what is the same for all our listeners.
type door struct {
	side side
	at   netip.AddrPort // as bound
}

// udpSocket is one UDP socket of ours. One goroutine reads it and puts what comes into lanes,
// another decides each message before the next; nothing is kept per source.
type udpSocket struct {
	door
	conn  *net.UDPConn
	lanes *lanes
	six   bool // a socket of IPv6, which may carry IPv4 too
	many  bool // bound to all addresses, and told which of them each datagram came to
}

// readBufferBytes is asked of the kernel for each UDP socket, so that a burst of calls waits
// there instead of being lost while one message is decided.
const readBufferBytes = 1 << 20

// family is the network of Go for one listener: 0.0.0.0 means IPv4 alone, [::] both.
func family(network string, at netip.Addr) string {
	switch {
	case at.Is4():
		return network + "4"
	case at.IsUnspecified():
		return network
	}
	return network + "6"
}

func openUDP(sd side, at netip.AddrPort) (*udpSocket, error) {
	conn, err := net.ListenUDP(family("udp", at.Addr()), net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, fmt.Errorf("listen on udp://%s: %w", at, err)
	}
	// The kernel may grant less (net.core.rmem_max); less is no fault.
	_ = conn.SetReadBuffer(readBufferBytes)
	bound := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	u := &udpSocket{door: door{side: sd, at: unmap(bound)}, conn: conn, lanes: newLanes(), six: !bound.Addr().Is4()}
	// Where it cannot be told, the kernel's routing chooses the address that we answer from.
	u.many = at.Addr().IsUnspecified() && noteAddresses(conn) == nil
	return u, nil
}

// read is the next datagram, where it came from and, on a socket of many addresses, to which.
func (u *udpSocket) read(b, note []byte) (n int, f flow, err error) {
	f.udp = u
	if !u.many {
		n, f.peer, err = u.conn.ReadFromUDPAddrPort(b)
		f.peer = unmap(f.peer)
		return n, f, err
	}
	n, noteLen, _, peer, err := u.conn.ReadMsgUDPAddrPort(b, note)
	if err == nil {
		f.from = noted(note[:noteLen])
	}
	f.peer = unmap(peer)
	return n, f, err
}

// write sends one datagram, from that address of ours if the socket has several.
func (u *udpSocket) write(b []byte, from netip.Addr, to netip.AddrPort) error {
	if u.many && from.IsValid() && from.Is4() == to.Addr().Is4() {
		_, _, err := u.conn.WriteMsgUDPAddrPort(b, noteOf(from, u.six), to)
		if err == nil {
			return nil
		}
		// The address may be ours no longer; the packet may still find its way.
	}
	_, err := u.conn.WriteToUDPAddrPort(b, to)
	return err
}

// serveUDP reads until the socket is closed.
func (s *Server) serveUDP(u *udpSocket) {
	defer s.wg.Done()
	defer u.lanes.close()
	buf, note := make([]byte, 64<<10), make([]byte, noteBytes)
	for {
		n, f, err := u.read(buf, note)
		if err != nil {
			if s.isClosed() || errors.Is(err, net.ErrClosed) {
				return
			}
			// A peer's ICMP "port unreachable" and the like are not ours to die of.
			s.log.Debug("read", zap.Stringer("local", u.at), zap.Error(err))
			if !s.pause(10 * time.Millisecond) {
				return
			}
			continue
		}
		s.arrived(u, f, buf[:n])
	}
}

// datagram decides one datagram, behind recover.
func (s *Server) datagram(f flow, b []byte) {
	defer s.recovered("udp decider")
	d, err := scanDatagram(b)
	s.receiveRaw(f, d, err, b)
}

// isKeepAlive says that there is nothing in it but line ends and zero bytes, which phones send
// to keep their NAT open.
func isKeepAlive(b []byte) bool {
	for _, c := range b {
		if c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func withAddr(a netip.AddrPort, addr netip.Addr) netip.AddrPort {
	return netip.AddrPortFrom(addr, a.Port())
}
