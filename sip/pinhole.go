package sip

import (
	"net/netip"
	"time"

	"hotline/call"
)

// keepPinholes sends two line ends to each registered UDP phone, from the socket it registered
// at (RFC 5626 §3.5.1 names the packet). A NAT forgets a quiet UDP flow after 30 s or more; a
// phone behind it could then not be rung.
func (s *Server) keepPinholes() {
	defer s.wg.Done()
	tick := time.NewTicker(s.times.Pinhole)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			func() {
				defer s.recovered("pinholes")
				for _, b := range s.reg.all() {
					if b.Transport != "udp" {
						continue
					}
					if f, ok := s.flowTo(b); ok {
						s.put(f, []byte("\r\n\r\n"))
					}
				}
			}()
		}
	}
}

// flowTo is the way to a registered contact: by UDP from the socket that the REGISTER came to,
// by TCP over the very connection, if it is still there.
func (s *Server) flowTo(b call.Binding) (flow, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flowToLocked(phoneSide, b.Transport, b.Local, b.Source)
}

// flowToLocked is flowTo with the lock held. Where no socket is bound as it was (the ports of
// a restart may differ), another UDP socket of the side and family serves.
func (s *Server) flowToLocked(sd side, transport string, local, peer netip.AddrPort) (flow, bool) {
	if transport == "tcp" {
		c := s.conns[connKey{sd, peer}]
		if c == nil || c.gone() {
			return flow{}, false
		}
		return c.flow(), true
	}
	var second *udpSocket
	for _, u := range s.udp {
		if u.side != sd {
			continue
		}
		if u.at == local {
			return flow{udp: u, peer: peer}, true
		}
		if a := u.at.Addr(); a.Is4() == peer.Addr().Is4() || (a.IsUnspecified() && a.Is6()) {
			second = u
		}
	}
	return flow{udp: second, peer: peer}, second != nil
}
