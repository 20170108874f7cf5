package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"hotline/call"
)

// codecs are what we offer and take, best first: A-law is what carriers speak here.
var codecs = [...]call.Codec{call.PCMA, call.PCMU}

// maxLegs bounds the table of dialogs.
const maxLegs = 20_000

// A Server is the signalling of one process.
type Server struct {
	o      Options
	log    *zap.Logger
	met    *metrics
	times  timing
	parser *sipmsg.Parser // has no state
	digest *digestServer
	reg    *registrar

	carriers  atomic.Pointer[[]Carrier]
	hostsOf   atomic.Pointer[map[netip.Addr]string] // the carriers' hosts that requests go to
	doorway   *doorway
	sounding  atomic.Int64 // legs whose sound is being opened
	draining  atomic.Bool
	strangers *strangers
	hosts     [2]*advertiser // by side
	pairs     [2]*pair       // certificates by side; nil: none
	trunkTLS  atomic.Pointer[map[string]*trunkTLS]
	grumbles  grumbles
	front     *front
	load      *load
	security  *security

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex // guards all below, and everything that says "the lock is held"
	closed    bool
	listening bool
	udp       []*udpSocket
	tcp       []*tcpListener
	conns     map[connKey]*tcpConn
	serverTxs map[string]*serverTx
	merged    map[string]*serverTx
	clientTxs map[string]*clientTx
	dialogs   map[dialogKey]*leg
	legs      map[string]*leg // by Info.ID
	trunks    map[string]*trunk
	callers   callers
	strays    int // answers that nobody waits for, being ended
}

// dialogKey names a dialog (RFC 3261 §12): both tags as we see them.
type dialogKey struct{ callID, local, remote string }

// New makes a server. It loads the registrations and opens nothing.
func New(o Options) (*Server, error) {
	if err := errors.Join(o.complete(), o.Check()); err != nil {
		return nil, err
	}
	if o.Phones.Realm == "" {
		o.Phones.Realm = "hotline"
	}
	s := &Server{
		o: o, log: o.Log, times: defaultTiming(), parser: newParser(),
		conns:     make(map[connKey]*tcpConn),
		serverTxs: make(map[string]*serverTx),
		merged:    make(map[string]*serverTx),
		clientTxs: make(map[string]*clientTx),
		dialogs:   make(map[dialogKey]*leg),
		legs:      make(map[string]*leg),
		strangers: &strangers{log: o.Log, now: time.Now},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if s.o.Resolver == nil {
		s.o.Resolver = net.DefaultResolver
	}
	s.doorway = newDoorway(time.Now)
	s.front, s.load = newFront(o.Limits.CallsPerSecond), newLoad(o.Limits)
	s.callers.byNumber = make(map[call.Number]int)
	s.SetOutgoing(o.Outgoing, o.Numbers)
	s.hostsOf.Store(&map[netip.Addr]string{})
	if err := s.openPairs(); err != nil {
		return nil, err
	}
	s.SetCarriers(o.Trunks.Carriers)
	s.hosts[trunkSide] = &advertiser{host: o.Trunks.Advertise, bind: o.Media.Addr()}
	s.hosts[phoneSide] = &advertiser{host: o.Phones.Advertise, bind: o.Media.Addr()}
	s.digest = newDigestServer(o.Phones.Realm, o.Users, time.Now)
	s.digest.sha256Only = o.Phones.NoMD5
	s.digest.told = func(e securityEvent, a netip.Addr) { s.security.note(e, phoneSide, a, true) }
	s.digest.home = func(user string, a netip.Addr) bool { return s.reg.at(user, a) }
	var err error
	s.reg, err = newRegistrar(registrarOptions{
		Digest: s.digest, Bindings: o.Bindings, Now: time.Now, Log: o.Log,
		OnChange: s.registrationChanged,
	})
	if err != nil {
		return nil, fmt.Errorf("load the registrations: %w", err)
	}
	if s.met, err = newMetrics(o.Metrics, func() float64 { return float64(s.reg.count()) }, s.expiry, s.Trunks, s.load.level); err != nil {
		return nil, err
	}
	security := o.Security
	if security == nil {
		security = o.Log.Named("security")
	}
	s.security = newSecurity(security, s.met.securityEvent, func(a netip.Addr) bool { return s.carrierOf(a) != nil }, time.Now)
	return s, nil
}

// registrationChanged passes on what the registrar tells.
func (s *Server) registrationChanged(user string, registered, fresh bool) {
	if s.o.Registered != nil {
		s.o.Registered(user, registered, fresh)
	}
}

// Listen binds every listener and begins to serve. If one cannot be bound, none is kept.
func (s *Server) Listen() error {
	for _, h := range s.hosts {
		if err := h.resolve(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.listening {
		return errors.New("sip: already listening, or closed")
	}
	err := errors.Join(s.open(trunkSide, s.o.Trunks.Listen), s.open(phoneSide, s.o.Phones.Listen))
	if err != nil {
		return errors.Join(err, s.closeSockets())
	}
	s.listening = true
	s.wg.Add(2*len(s.udp) + len(s.tcp) + 3)
	for _, u := range s.udp {
		go s.serveUDP(u)
		go s.decideUDP(u)
	}
	for _, l := range s.tcp {
		go s.serveTCP(l)
	}
	go s.every(s.times.Housekeep, "housekeeping", s.keepHouse())
	go s.every(levelLook, "overload", s.lookAtLoad)
	go s.every(s.times.Pinhole, "pinholes", s.keepPinholes)
	for _, t := range s.trunks {
		t.begin()
	}
	return nil
}

// open binds the listeners of one side. Where TCP asks for port 0, it gets the UDP port of the
// side if that is free: a phone that is told one port can use both.
func (s *Server) open(sd side, list []string) error {
	for _, entry := range list {
		l, err := parseListen(entry)
		if err != nil {
			return err
		}
		if l.network == "udp" {
			u, err := openUDP(sd, l.at)
			if err != nil {
				return err
			}
			s.udp = append(s.udp, u)
			continue
		}
		at := l.at
		if l.network == "tcp" {
			at = s.samePort(sd, at)
		}
		t, err := listenTCP(sd, l.network, at)
		if err != nil && l.at.Port() == 0 {
			t, err = listenTCP(sd, l.network, l.at)
		}
		if err != nil {
			return err
		}
		s.tcp = append(s.tcp, t)
	}
	return nil
}

// samePort gives an address without a port that of the side's UDP socket on the same address.
func (s *Server) samePort(sd side, at netip.AddrPort) netip.AddrPort {
	for _, u := range s.udp {
		if at.Port() == 0 && u.side == sd && u.at.Addr() == at.Addr() {
			return withPort(at, u.at.Port())
		}
	}
	return at
}

func withPort(a netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), port)
}

// Addrs are the listeners as bound, like "udp://127.0.0.1:5060", in the order of the options.
func (s *Server) Addrs() (trunks, phones []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out [2][]string
	used := make(map[string]bool)
	for sd, list := range [2][]string{s.o.Trunks.Listen, s.o.Phones.Listen} {
		for _, entry := range list {
			l, err := parseListen(entry)
			if err != nil {
				continue
			}
			if a, ok := s.boundAs(side(sd), l, used); ok {
				used[a] = true
				out[sd] = append(out[sd], a)
			}
		}
	}
	return out[trunkSide], out[phoneSide]
}

// boundAs finds the listener that an entry became.
func (s *Server) boundAs(sd side, l listenAddress, used map[string]bool) (string, bool) {
	var doors []door
	if l.network == "udp" {
		for _, u := range s.udp {
			doors = append(doors, u.door)
		}
	} else {
		for _, t := range s.tcp {
			if t.network() == l.network {
				doors = append(doors, t.door)
			}
		}
	}
	for _, d := range doors {
		name := l.network + "://" + d.at.String()
		if d.side == sd && !used[name] && (l.at.Port() == 0 || l.at.Port() == d.at.Port()) {
			return name, true
		}
	}
	return "", false
}

// Close closes the sockets and forgets everything. It hangs up nothing: calls that are up stay
// up at the peers. Its own goroutines have ended when it returns.
func (s *Server) Close() error {
	s.leaveTrunks()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	for _, l := range s.dialogs {
		l.news.part() // a BYE that has waited goes now or never
	}
	s.closed = true
	s.cancel()
	err := s.closeSockets()
	var lost []*leg
	for _, l := range s.legs {
		lost = append(lost, l)
	}
	for _, l := range lost {
		l.lose()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

// closeSockets closes what is open. The lock is held.
func (s *Server) closeSockets() error {
	var errs []error
	for _, u := range s.udp {
		errs = append(errs, u.conn.Close())
	}
	for _, l := range s.tcp {
		errs = append(errs, l.ln.Close())
	}
	for _, c := range s.conns {
		c.shut()
		c.wake() // the reader waits in Read; the writer closes when it has emptied its queue
	}
	return errors.Join(errs...)
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// pause waits, and is false if the server closed meanwhile.
func (s *Server) pause(d time.Duration) bool {
	select {
	case <-s.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// locked runs f with the state locked and behind recover. After Close it does nothing.
func (s *Server) locked(door string, f func()) {
	defer s.recovered(door)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		f()
	}
}

// recovered is deferred at each door. A panic there is our bug: it is counted and told, and it
// ends what was being done, nothing more.
func (s *Server) recovered(door string) {
	if p := recover(); p != nil {
		s.met.panics.Inc()
		s.log.Error("panic recovered", zap.String("door", door), zap.String("panic", panicKind(p)), zap.ByteString("stack", debug.Stack()))
	}
}

// panicKind tells runtime errors whole and everything else by type: its text may be somebody's number.
func panicKind(p any) string {
	if err, ok := p.(interface{ RuntimeError() }); ok {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%T", p)
}

// put sends and forgets: what is lost is repeated by a timer or missed by its transaction.
func (s *Server) put(f flow, b []byte) {
	if err := f.send(b); err != nil {
		s.log.Debug("send", zap.Stringer("remote", f.peer), zap.Error(err))
	}
}

// debug logs a message by its first line's kind; the text itself is never logged.
func (s *Server) debug(what string, f flow, d *draft) {
	if ce := s.log.Check(zap.DebugLevel, what); ce != nil {
		kind := d.start
		if i := indexOutside(kind, ' '); i > 0 && kind[:i] != "SIP/2.0" {
			kind = kind[:i]
		}
		ce.Write(zap.Stringer("remote", f.peer), zap.String("message", kind), zap.String("cseq", d.get("CSeq")))
	}
}

// SetDraining refuses new calls from carriers with 503, or takes them again. Calls that are up
// go on; operators' phones stay registered and are rung.
func (s *Server) SetDraining(on bool) { s.draining.Store(on) }

// Registered says whether a user has a contact that can be reached.
func (s *Server) Registered(user string) bool { return len(s.reg.contacts(user)) > 0 }

// Registrations counts the users who have a contact that can be reached.
func (s *Server) Registrations() int { return s.reg.count() }

// every has f run in a rhythm until the server is closed. A fault in it ends no other.
func (s *Server) every(d time.Duration, what string, f func(now time.Time)) {
	defer s.wg.Done()
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			func() {
				defer s.recovered(what)
				f(now)
			}()
		}
	}
}

// keepHouse returns what looks after all that has no timer of its own.
func (s *Server) keepHouse() func(now time.Time) {
	var forget time.Time
	warned := make(map[string]int)
	return func(now time.Time) {
		s.reg.expire(now)
		s.security.sweep()
		if now.Sub(forget) > time.Minute {
			forget = now
			s.hosts[trunkSide].forget()
			s.hosts[phoneSide].forget()
			s.watchExpiry(now, warned)
		}
	}
}
