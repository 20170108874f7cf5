package sip

import (
	"context"
	"net/netip"

	"hotline/call"
)

// seqJump is added to the CSeq that a dead process wrote down: its probes may have used a few
// more, and a BYE with a number that the peer has seen is refused (RFC 3261 §12.2.2).
const seqJump = 1000

// ByeOrphans says BYE in dialogs of a process that died, and waits for the answers until ctx
// ends. It returns how many BYEs could be sent. A phone on a TCP connection that died with the
// process cannot be told; what it sends in the dialog gets 481.
func (s *Server) ByeOrphans(ctx context.Context, ds []call.Dialog) int {
	answered := make(chan struct{}, len(ds))
	sent := 0
	for _, d := range ds {
		s.locked("orphans", func() {
			f, ok := s.wayTo(d)
			if !ok {
				return
			}
			info := call.Info{Call: d.Call, Role: d.Role, SIPCallID: d.SIPCallID}
			if c := s.carrierOf(f.peer.Addr()); c != nil && f.side() == trunkSide {
				info.Trunk = c.Name
			}
			l := s.newLeg(info, f, d.LocalTag)
			l.remoteTag, l.localURI, l.remoteURI = d.RemoteTag, d.LocalURI, d.RemoteURI
			l.target, l.routes, l.localSeq = d.Target, d.Routes, d.LocalSeq+seqJump
			l.sayBye(func() { answered <- struct{}{} })
			sent++
		})
	}
	for range sent {
		select {
		case <-answered:
		case <-ctx.Done():
			return sent
		}
	}
	return sent
}

// wayTo is the flow of a remembered dialog: from the address it lived on if we still have it. A
// carrier whose connection died with the process is connected to anew. The lock is held.
func (s *Server) wayTo(d call.Dialog) (flow, bool) {
	peer := netip.AddrPortFrom(d.Remote.Addr().Unmap(), d.Remote.Port())
	sd := phoneSide
	if d.Role == call.RoleCaller || d.Role == call.RoleThird {
		sd = trunkSide
	}
	f, ok := s.flowToLocked(sd, d.Transport, d.Local, peer)
	if ok || sd == phoneSide || d.Transport == "udp" {
		return f, ok
	}
	carrier := s.carrierOf(peer.Addr())
	if carrier == nil {
		return flow{}, false
	}
	hop, ok := s.hop(nextOf(d.Target, d.Routes), d.Transport, peer.Addr(), carrier.Name)
	if !ok {
		return flow{}, false
	}
	f, err := s.reach(hop)
	return f, err == nil
}
