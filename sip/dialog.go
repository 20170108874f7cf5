package sip

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"strings"

	"hotline/call"
)

// newNumber is a random number for the o= line of SDP, of 62 bits: some peers read it as a
// signed one.
func newNumber() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.BigEndian.Uint64(b[:]) >> 2
}

// via is our Via by a flow.
func (s *Server) via(f flow, branch string) string {
	return "SIP/2.0/" + strings.ToUpper(f.transport()) + " " + s.here(f) + ";branch=" + branch + ";rport"
}

// here is our host and port as the peer of a flow should write it.
func (s *Server) here(f flow) string {
	return hostPort(s.hosts[f.side()].signalling(f), f.local().Port())
}

// contactURI is where the peer of a flow reaches us.
func (s *Server) contactURI(f flow) string {
	uri := "sip:hotline@" + s.here(f)
	if f.tcp != nil {
		uri += ";transport=" + f.transport()
	}
	return uri
}

// contact is the Contact header of the leg. Who speaks sips to us is answered in sips (RFC 3261 §12.1.1).
func (l *leg) contact() string {
	if l.sips && l.flow.transport() == "tls" {
		return "Contact: <sips:hotline@" + l.s.here(l.flow) + ">"
	}
	return "Contact: <" + l.s.contactURI(l.flow) + ">"
}

// outgoing begins a request in the dialog (RFC 3261 §12.2.1.1). The lock is held.
func (l *leg) outgoing(method string) outgoing {
	if method != "ACK" {
		l.localSeq++
	}
	o := outgoing{
		method: method, target: l.target, routes: l.routes, callID: l.callID, seq: l.localSeq,
		from: withTag(l.localURI, l.localTag), to: withTag(l.remoteURI, l.remoteTag),
	}
	o.target, o.routes = throughRoutes(l.target, l.routes)
	return o
}

// throughRoutes is request URI and Route for a target behind a route set. A first route without
// lr is a strict router of RFC 2543: it wants itself in the request line.
func throughRoutes(target string, routes []string) (string, []string) {
	if len(routes) == 0 {
		return target, nil
	}
	first := inBrackets(routes[0])
	if hasURIParam(first, "lr") {
		return target, routes
	}
	through := append([]string(nil), routes[1:]...)
	return first, append(through, "<"+target+">")
}

func hasURIParam(uri, name string) bool {
	uri, _, _ = strings.Cut(uri, "?")
	parts := strings.Split(uri, ";")
	for _, p := range parts[1:] {
		if key, _, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(key), name) {
			return true
		}
	}
	return false
}

// way is where a request of ours in the dialog goes. The lock is held.
//
// A connection that lives carries it, whatever route set and Contact say. A phone is reached at the
// address that its last request came from: it is behind NAT more often than not. A carrier is
// reached as RFC 3261 says, by route set or Contact, but only inside its own networks: no message
// of a peer sends us elsewhere.
func (l *leg) way() flow {
	f := l.road()
	f.witness = l.flow.witness // also on another connection
	return f
}

func (l *leg) road() flow {
	f := l.flow
	if f.alive() && (f.tcp != nil || f.side() == phoneSide) {
		return f
	}
	if f.tcp != nil {
		if other, ok := l.otherConnection(); ok || f.side() == phoneSide {
			return other
		}
	}
	hop, ok := l.s.hop(nextOf(l.target, l.routes), f.transport(), f.peer.Addr(), l.info.Trunk)
	if !ok {
		return f
	}
	if hop.transport == "udp" && f.udp != nil {
		f.peer = hop.at
		return f
	}
	there, err := l.s.reach(hop)
	if err != nil {
		return f
	}
	return there
}

// nextOf is the URI that a request in a dialog goes to.
func nextOf(target string, routes []string) string {
	if len(routes) > 0 {
		return inBrackets(routes[0])
	}
	return target
}

// hop reads a carrier's URI as where to send (RFC 3263 §4, without DNS). transport is how the
// dialog was spoken, peer where the carrier was then. There is none where that is all we know.
func (s *Server) hop(uri, transport string, peer netip.Addr, trunk string) (target, bool) {
	u, ok := parseURI(uri)
	if !ok {
		return target{}, false
	}
	t := target{transport: transport, trunk: trunk}
	if named, _ := u.UriParams.Get("transport"); transport != "tls" { // what was begun in secret goes on in secret
		switch named = strings.ToLower(named); {
		case strings.EqualFold(u.Scheme, "sips"):
			t.transport = "tls"
		case named == "udp", named == "tcp", named == "tls":
			t.transport = named
		}
	}
	port := u.Port
	if port <= 0 || port > 65535 {
		port = 5060
		if t.transport == "tls" {
			port = 5061
		}
	}
	addr, err := netip.ParseAddr(strings.Trim(u.Host, "[]"))
	addr = addr.Unmap()
	own := s.carrierOf(addr)
	switch {
	case err == nil && (addr == peer || own != nil && own.Name == trunk):
	case t.transport == "udp":
		// A name: nobody waits for DNS, and the address it came from is one that we know.
		// Quirk: a carrier behind NAT writes its private address.
		return target{}, false
	default:
		addr = peer
	}
	if t.transport == "tls" {
		t.host = s.proves(trunk, u.Host)
	}
	t.at = netip.AddrPortFrom(addr, uint16(port))
	return t, true
}

// proves is whose certificate a carrier has to show on a connection to where its URI leads: that of
// the host we would call by it, else of the URI's own.
func (s *Server) proves(trunk, host string) string {
	if c := s.carrierNamed(trunk); c != nil {
		for _, to := range c.To {
			if to.Transport == "tls" {
				return to.Host
			}
		}
	}
	return strings.Trim(host, "[]")
}

// otherConnection finds the connection that took the place of one that is gone: a phone that
// registered anew, or another connection of the same carrier. Without one it is the old.
func (l *leg) otherConnection() (flow, bool) {
	s := l.s
	if l.flow.side() == phoneSide {
		for _, b := range s.reg.contacts(l.info.User) {
			if b.Transport == "udp" {
				continue
			}
			if f, ok := s.flowToBinding(b); ok {
				return f, true
			}
		}
		return l.flow, false
	}
	return s.otherOf(l.info.Trunk, l.flow)
}

// otherOf is another connection of a carrier from where the one of f came, spoken on as that was;
// f itself where there is none.
func (s *Server) otherOf(trunk string, f flow) (flow, bool) {
	for _, c := range s.conns {
		if c.side != trunkSide || c.gone() || c.secure != f.tcp.secure || c.peer.Addr() != f.peer.Addr() {
			continue
		}
		if carrier := s.carrierAt(c.flow()); carrier != nil && carrier.Name == trunk {
			return c.flow(), true
		}
	}
	return f, false
}

// bye ends the dialog at the peer, at once or, while our 200 is not acknowledged, as soon as it
// is (RFC 3261 §15). The lock is held.
func (l *leg) bye() {
	if l.invite != nil && !l.hasAck {
		l.byeWaits = true
		return
	}
	l.dropOkays()
	if l.news.delay(l.bye) {
		return
	}
	l.sayBye(l.forget)
}

// sayBye sends a BYE, and calls done under the lock when it has been answered or nobody does. One that nobody had
// answered when its connection ended is sent once more by another: over TCP and TLS it may never have arrived, and
// nobody repeats it.
func (l *leg) sayBye(done func()) {
	ask := func(failed func(code int)) flow {
		o, way := l.outgoing("BYE"), l.way()
		o.extra = reasonOf(l.reason)
		l.s.ask(way, o, func(r *response) {
			if r.StatusCode >= 200 {
				done()
			}
		}, failed)
		return way
	}
	var way flow
	way = ask(func(code int) {
		if code == 503 && way.tcp != nil {
			ask(func(int) { done() })
			return
		}
		done()
	})
}

// request decides a request in the dialog. The lock is held.
func (l *leg) request(r *request) {
	r.of(l.flow.witness)
	if r.method == "ACK" {
		l.acknowledged(r)
		return
	}
	tx := l.s.newServerTx(r)
	if tx == nil {
		l.s.refuseOnce(r, answer{code: 503})
		return
	}
	if r.seq < l.remoteSeq {
		tx.reply(answer{code: 500}) // out of order (RFC 3261 §12.2.2)
		return
	}
	l.remoteSeq = r.seq
	l.follow(r.from)
	if r.method != "BYE" {
		if a, ok := unsupported(r); !ok {
			tx.reply(a)
			return
		}
		if l.phase == legOver {
			tx.reply(answer{code: 481})
			return
		}
	}
	switch r.method {
	case "BYE":
		if l.early != nil {
			tx.reply(answer{code: 481}) // who is called refuses, it does not hang up (RFC 3261 §15)
			return
		}
		l.said(r, tx)
	case "INVITE":
		l.reinvite(r, tx)
	case "UPDATE":
		l.update(r, tx)
	case "PRACK":
		l.prack(r, tx)
	case "REFER":
		l.refer(r, tx)
	case "OPTIONS":
		tx.reply(answer{code: 200, extra: l.s.abilities(r.from.side())})
	case "INFO":
		l.infoRequest(r, tx)
	case "CANCEL":
		tx.reply(answer{code: 481})
	default:
		tx.reply(l.s.notAllowed(r))
	}
}

// follow notes where the peer is now: a phone's NAT may have given it another port.
func (l *leg) follow(f flow) {
	if f.side() != l.flow.side() {
		return
	}
	if f.side() == phoneSide || f.peer.Addr() == l.flow.peer.Addr() {
		l.flow = f
	}
}

// said is the peer's BYE.
func (l *leg) said(r *request, tx *serverTx) {
	tx.reply(answer{code: 200})
	if l.phase == legRinging {
		// A BYE before the answer ends the INVITE too (RFC 3261 §15.1.2).
		l.invite.reply(answer{code: 487})
	}
	l.finishFor(call.CauseHangup, q850(r.draft))
	l.byeWaits = false
	l.forget()
}

// quiet asks a peer that has sent no sound for long whether it is there: two OPTIONS, 2 s
// apart. Only two answers 408 or 481, or none, mean that it is gone; any other answer, also a
// refusal, came from somebody who knows the call. The lock is held.
func (l *leg) quiet() {
	if l.phase != legAnswered || l.probing || l.onHold {
		return
	}
	l.probing = true
	asked := 0
	var next *alarm
	var again func()
	again = func() {
		if l.phase != legAnswered {
			return
		}
		if asked == probes {
			l.finish(call.CauseMediaLost)
			l.bye()
			return
		}
		asked++
		l.s.ask(l.way(), l.outgoing("OPTIONS"), func(r *response) {
			if r.StatusCode >= 200 && r.StatusCode != 408 && r.StatusCode != 481 {
				next.stop() // also a late answer to the first question is a sign of life
				l.probing = false
			}
		}, func(int) {})
		next = l.s.after(l.s.times.Probe, again)
	}
	again()
}

// probes is how many questions a silent peer is asked before it counts as gone.
const probes = 2
