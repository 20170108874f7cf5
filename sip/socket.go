package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// A flow is one way to a peer: a UDP socket of ours and the peer's address, or one TCP
// connection. Its zero value leads nowhere.
type flow struct {
	udp  *udpSocket
	tcp  *tcpConn
	peer netip.AddrPort
}

var errNoFlow = errors.New("no way to the peer")

// send writes one message without waiting for the peer.
func (f flow) send(b []byte) error {
	switch {
	case f.udp != nil:
		_, err := f.udp.conn.WriteToUDPAddrPort(b, f.peer)
		return err
	case f.tcp != nil:
		return f.tcp.send(b)
	}
	return errNoFlow
}

// reliable says that the transport repeats by itself.
func (f flow) reliable() bool { return f.tcp != nil }

func (f flow) transport() string {
	if f.tcp != nil {
		return "tcp"
	}
	return "udp"
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
		return &f.tcp.listener.door
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

func (f flow) local() netip.AddrPort {
	if d := f.door(); d != nil {
		return d.at
	}
	return netip.AddrPort{}
}

// A door is what is the same for all our listeners.
type door struct {
	side side
	at   netip.AddrPort // as bound
}

// udpSocket is one UDP socket of ours. One goroutine reads it and decides each message before
// the next; nothing is kept per source.
type udpSocket struct {
	door
	conn *net.UDPConn
}

// readBufferBytes is asked of the kernel for each UDP socket, so that a burst of calls waits
// there instead of being lost while one message is decided.
const readBufferBytes = 1 << 20

func openUDP(sd side, at netip.AddrPort) (*udpSocket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, fmt.Errorf("listen on udp://%s: %w", at, err)
	}
	// The kernel may grant less (net.core.rmem_max); less is no fault.
	_ = conn.SetReadBuffer(readBufferBytes)
	bound := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return &udpSocket{door: door{side: sd, at: unmap(bound)}, conn: conn}, nil
}

// serveUDP reads until the socket is closed.
func (s *Server) serveUDP(u *udpSocket) {
	defer s.wg.Done()
	buf := make([]byte, 64<<10)
	for {
		n, from, err := u.conn.ReadFromUDPAddrPort(buf)
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
		s.datagram(u, unmap(from), buf[:n])
	}
}

// datagram takes one datagram through the door, behind recover.
func (s *Server) datagram(u *udpSocket, from netip.AddrPort, b []byte) {
	defer s.recovered("udp reader")
	if isKeepAlive(b) {
		return
	}
	d, err := scanDatagram(b)
	s.receive(flow{udp: u, peer: from}, d, err)
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

// advertiser knows which host of ours a peer can reach. A wildcard is never told to anybody.
type advertiser struct {
	host string     // configured, may be a name
	addr netip.Addr // the same as an address, for SDP
	bind netip.Addr // where media listens, may be unspecified or invalid

	mu    sync.Mutex
	known map[netip.Addr]netip.Addr // peer to the local address that reaches it
}

// advertisedPeers bounds the memory of routes; it is emptied when full, and each minute by age.
const advertisedPeers = 1024

// resolve finds the address of an advertised name, once, at start.
func (a *advertiser) resolve() error {
	if a.host == "" {
		return nil
	}
	a.host = strings.Trim(a.host, "[]")
	if addr, err := netip.ParseAddr(a.host); err == nil {
		a.addr = addr.Unmap()
		return nil
	}
	found, err := net.LookupIP(a.host)
	if err != nil {
		return fmt.Errorf("find the address of the advertised host %s: %w", a.host, err)
	}
	for _, ip := range found {
		addr, ok := netip.AddrFromSlice(ip)
		if ok && (!a.addr.IsValid() || addr.Unmap().Is4()) {
			a.addr = addr.Unmap()
		}
	}
	return nil
}

// signalling is our host for Via and Contact towards the peer of f.
func (a *advertiser) signalling(f flow) string {
	if a.host != "" {
		return a.host
	}
	if at := f.local().Addr(); at.IsValid() && !at.IsUnspecified() {
		return at.String()
	}
	if f.tcp != nil {
		return f.tcp.local.Addr().String()
	}
	return a.towards(f.peer.Addr()).String()
}

// sound is our address for SDP towards the peer of f.
func (a *advertiser) sound(f flow) netip.Addr {
	switch {
	case a.addr.IsValid():
		return a.addr
	case a.bind.IsValid() && !a.bind.IsUnspecified():
		return a.bind
	case f.tcp != nil:
		return f.tcp.local.Addr()
	}
	if at := f.local().Addr(); at.IsValid() && !at.IsUnspecified() {
		return at
	}
	return a.towards(f.peer.Addr())
}

// towards asks the kernel's routing which of our addresses reaches peer, by connecting a UDP
// socket, which sends nothing.
func (a *advertiser) towards(peer netip.Addr) netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, ok := a.known[peer]; ok {
		return at
	}
	at := netip.IPv6Loopback()
	if peer.Is4() {
		at = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, 9))); err == nil {
		at = unmap(c.LocalAddr().(*net.UDPAddr).AddrPort()).Addr()
		_ = c.Close() // nothing was sent, nothing can fail
	}
	if a.known == nil || len(a.known) >= advertisedPeers {
		a.known = make(map[netip.Addr]netip.Addr)
	}
	a.known[peer] = at
	return at
}

// forget empties the memory of routes, which change when an interface does.
func (a *advertiser) forget() {
	a.mu.Lock()
	a.known = nil
	a.mu.Unlock()
}
