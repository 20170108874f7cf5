package sip

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"
)

// A side says which of the two rule sets a message falls under. It is decided by the socket
// a message came to, never by what the message says.
type side uint8

// The sides.
const (
	trunkSide side = iota // carriers: known by their networks
	phoneSide             // operators' phones: known by digest
)

func (s side) String() string {
	if s == trunkSide {
		return "trunks"
	}
	return "phones"
}

// An arrival is how a message reached us.
type arrival struct {
	Side      side
	Transport string         // "udp", "tcp" or "tls"
	Source    netip.AddrPort // where it came from, unmapped
	Local     netip.AddrPort // the address of ours that it came to; a wildcard where the system does not say
	Most      int            // how many bytes an answer may have; 0: any
}

// carrierOf is the carrier whose networks hold the address, nil for a stranger.
func (s *Server) carrierOf(a netip.Addr) *Carrier {
	carriers := *s.carriers.Load()
	for i := range carriers {
		for _, p := range carriers[i].From {
			if p.Contains(a) {
				return &carriers[i]
			}
		}
	}
	if name, ok := (*s.hostsOf.Load())[a]; ok {
		return s.carrierNamed(name)
	}
	return nil
}

// carrierNamed is the carrier of that name, nil if there is none.
func (s *Server) carrierNamed(name string) *Carrier {
	carriers := *s.carriers.Load()
	for i := range carriers {
		if carriers[i].Name == name {
			return &carriers[i]
		}
	}
	return nil
}

// carrierAt is the carrier that speaks by a flow: the one that we dialled, else the one whose
// networks hold the address. One that has to show a certificate is believed over TLS alone:
// otherwise a forged datagram would be worth as much.
func (s *Server) carrierAt(f flow) *Carrier {
	if f.tcp != nil && f.tcp.dialled != nil && f.side() == trunkSide {
		return s.carrierNamed(f.tcp.dialled.trunk)
	}
	c := s.carrierOf(f.peer.Addr())
	if c != nil && c.TLS.CA != "" && f.transport() != "tls" {
		return nil
	}
	return c
}

// SetCarriers replaces the carriers. Calls that are up stay up.
func (s *Server) SetCarriers(c []Carrier) {
	own := append([]Carrier(nil), c...)
	secured := s.trunksTLS(own)
	s.trunkTLS.Store(&secured)
	s.carriers.Store(&own)
	s.setTrunks(own)
}

// knows says whether the source of f may be answered at all, whatever it asks: a carrier on the
// trunk side, on the phone side an address that a phone is registered from.
func (s *Server) knows(f flow) bool {
	if f.side() == trunkSide {
		return s.carrierAt(f) != nil
	}
	_, ok := s.reg.bySource(f.peer)
	return ok
}

// silence does nothing for the peer, on purpose, and counts it.
func (s *Server) silence(f flow) { s.silenceAs(f, eventUnknownSource) }

// silenceRequest is silence for a request: one that claims to belong to a call that is up is told apart.
func (s *Server) silenceRequest(r *request) {
	if r.ttag != "" && s.front.calls.have([]byte(r.callID)) {
		s.silenceAs(r.from, eventForgedDialog)
		return
	}
	s.silence(r.from)
}

func (s *Server) silenceAs(f flow, e securityEvent) {
	s.met.silenced.WithLabelValues(f.side().String()).Inc()
	s.security.note(e, f.side(), f.peer.Addr(), f.tcp != nil)
	if f.side() != trunkSide {
		return
	}
	if c := s.carrierOf(f.peer.Addr()); c != nil && s.grumbles.first(c.Name, time.Now()) {
		s.log.Warn("a carrier that has to show a certificate speaks without TLS", zap.String("trunk", c.Name), zap.Stringer("remote", f.peer))
	} else if c == nil {
		s.strangers.heard(f.peer.Addr())
	}
}

// strangers remembers the addresses that were not answered, for the log: each once a minute,
// with the line of the configuration that would admit it.
type strangers struct {
	log *zap.Logger
	now func() time.Time

	mu    sync.Mutex
	since time.Time
	count map[netip.Addr]int
	more  int // heard from addresses beyond the table
}

// strangersKept bounds the table of one minute; a flood from many addresses shows as a number.
const strangersKept = 256

// heard notes one unanswered message. The first of an address in a minute is logged.
func (t *strangers) heard(a netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); now.Sub(t.since) >= time.Minute {
		t.sum()
		t.since, t.count, t.more = now, make(map[netip.Addr]int), 0
	}
	n, known := t.count[a]
	if !known && len(t.count) >= strangersKept {
		t.more++
		return
	}
	t.count[a] = n + 1
	if known {
		return
	}
	t.log.Warn("a source that is no carrier gets no answer",
		zap.Stringer("remote", a),
		zap.String("admit", fmt.Sprintf("sip.trunks.carriers[].from: [%s]", netip.PrefixFrom(a, a.BitLen()))))
}

// sum tells how much was not told one by one. The lock is held.
func (t *strangers) sum() {
	again := 0
	for _, n := range t.count {
		again += n - 1
	}
	if again+t.more > 0 {
		t.log.Info("unanswered messages of the last minute that were not told one by one",
			zap.Int("repeated", again), zap.Int("other_sources", t.more))
	}
}
