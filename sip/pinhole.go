package sip

import (
	"cmp"
	"net/netip"
	"time"

	"hotline/call"
)

// keepPinholes sends two line ends to each registered UDP phone, from the socket it registered
// at (RFC 5626 §3.5.1 names the packet). A NAT forgets a quiet UDP flow after 30 s or more; a
// phone behind it could then not be rung.
func (s *Server) keepPinholes(time.Time) {
	for _, b := range s.reg.all() {
		if b.Transport != "udp" || len(b.Path) > 0 {
			continue // a proxy looks after its own phones
		}
		if f, ok := s.flowTo(b); ok {
			s.put(f, []byte("\r\n\r\n"))
		}
	}
}

// flowTo is the way to a registered contact: by UDP from the address that the REGISTER came to,
// else over the very connection, if it is still there.
func (s *Server) flowTo(b call.Binding) (flow, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flowToBinding(b)
}

// flowToBinding is flowTo with the lock held.
func (s *Server) flowToBinding(b call.Binding) (flow, bool) {
	f, ok := s.flowToLocked(phoneSide, b.Transport, b.Local, b.Source)
	if !ok && len(b.Path) > 0 {
		return s.throughProxy(b)
	}
	return f, ok
}

// flowToLocked is the way to an address that knows us by a local one. The lock is held.
func (s *Server) flowToLocked(sd side, transport string, local, peer netip.AddrPort) (flow, bool) {
	if transport == "udp" {
		return s.overUDP(sd, local, peer)
	}
	c := s.conns[connKey{side: sd, transport: transport, peer: peer}]
	if c == nil || c.gone() {
		return flow{}, false
	}
	return c.flow(), true
}

// overUDP chooses the socket of a side for a peer that knows us by a local address: the one bound
// to it, else one of all addresses, which then sends from it. Where there is none (the addresses
// or ports of a restart may differ), the kernel's routing decides between those of the family.
func (s *Server) overUDP(sd side, local, peer netip.AddrPort) (flow, bool) {
	var wild, routed, any *udpSocket
	for _, u := range s.udp {
		at := u.at.Addr()
		switch {
		case u.side != sd || !u.carries(peer.Addr()):
		case u.at == local:
			return flow{udp: u, peer: peer}, true
		case at.IsUnspecified():
			if wild == nil || u.at.Port() == local.Port() {
				wild = u
			}
		case routed == nil && at == s.hosts[sd].towards(peer.Addr()):
			routed = u
		default:
			any = u
		}
	}
	f := flow{udp: cmp.Or(wild, routed, any), peer: peer}
	if f.udp == wild && local.IsValid() && !local.Addr().IsUnspecified() && local.Addr().Is4() == peer.Addr().Is4() {
		f.from = local.Addr()
	}
	return f, f.udp != nil
}

// carries says whether a socket reaches addresses of that family.
func (u *udpSocket) carries(peer netip.Addr) bool {
	return u.six != peer.Is4() || (u.six && u.at.Addr().IsUnspecified())
}
