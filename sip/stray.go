package sip

import "hotline/call"

// mostStrays bounds the strays that are being ended at once: whoever sends them by the thousand
// does so from the address of a peer of ours, and gets next to nothing back.
const mostStrays = 16

// stray takes a 2xx to an INVITE that nobody waits for. Somebody has picked up a telephone that a
// process of ours rang before it died, or after we had given it up: without a word from us it would
// stay in a call with nobody for half a minute. It is acknowledged and ended (RFC 3261 §13.2.2.4),
// from peers that we know alone. Everything else that nobody waits for is ignored. The lock is held.
func (s *Server) stray(r *response) {
	if r.method != "INVITE" || r.StatusCode < 200 || r.StatusCode >= 300 || r.From() == nil {
		return // a late repeat, or a guess
	}
	from, ok := r.From().Params.Get("tag")
	if !ok || r.ttag == "" || s.strays >= mostStrays || !s.knows(r.from) || !s.wroteVia(r) {
		return
	}
	callID := r.CallID().Value()
	if s.dialogs[dialogKey{callID, from, r.ttag}] != nil {
		return // a call that is up, and a repeat that has been very long on its way
	}
	l := s.newLeg(call.Info{SIPCallID: callID, Remote: r.from.peer}, r.from, from)
	l.flow.witness = nil // of no call that is known
	l.localURI, l.localSeq, l.target = withoutTag(r.draft.get("From")), r.seq, "sip:"+r.from.peer.String()
	if c := s.carrierAt(r.from); c != nil && r.from.side() == trunkSide {
		l.info.Trunk = c.Name
	}
	l.takeAnswer(r)
	s.acknowledge(l, r.seq, nil)
	s.strays++
	l.sayBye(func() { s.strays-- })
}

// wroteVia says whether an answer is to a request that was sent from here (RFC 3261 §18.1.2).
func (s *Server) wroteVia(r *response) bool {
	via := r.Via()
	return hostPort(via.Host, uint16(via.Port)) == s.here(r.from)
}
