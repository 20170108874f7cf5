package sip

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// TLSFiles are a certificate of ours and its key, as paths of PEM files, leaf first. They are
// read again when they change. Empty: none.
type TLSFiles struct{ Certificate, Key string }

// CarrierTLS is how a carrier and we prove to each other who we are.
type CarrierTLS struct {
	CA          string // path of a PEM file: who signs the carrier's certificate; empty: the system's authorities
	Certificate string // of ours, for this carrier; empty: that of the side
	Key         string
	Name        string // in the carrier's certificate; empty: the host we dial
}

// rereadEvery is how often a file is looked at, at most.
const rereadEvery = time.Second

// watched is what was made of files. It is made anew when they change. What cannot be used is told
// once, if it is still so at the next look, because files that belong together change one after
// another; the old stays.
type watched[T any] struct {
	paths []string
	read  func() (T, error)
	told  func(T, error) // what became of a change

	mu     sync.Mutex
	looked time.Time
	seen   string // what the files looked like when they were last read
	bad    error  // what was wrong with them, while it is not told
	value  T
}

// watch reads the files for the first time.
func watch[T any](read func() (T, error), told func(T, error), paths ...string) (*watched[T], error) {
	w := &watched[T]{paths: paths, read: read, told: told, looked: time.Now()}
	w.seen = w.look()
	var err error
	w.value, err = read()
	return w, err
}

// look describes the files without reading them.
func (w *watched[T]) look() string {
	s := ""
	for _, p := range w.paths {
		if i, err := os.Stat(p); err == nil {
			s += fmt.Sprint(i.ModTime().UnixNano(), " ", i.Size(), " ")
		} else {
			s += "gone "
		}
	}
	return s
}

// get is what the files say now, or said when they were last good.
func (w *watched[T]) get() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if now.Sub(w.looked) < rereadEvery {
		return w.value
	}
	w.looked = now
	seen := w.look()
	if seen == w.seen {
		if w.bad != nil {
			w.told(w.value, w.bad)
			w.bad = nil
		}
		return w.value
	}
	w.seen = seen
	value, err := w.read()
	if w.bad = err; err == nil {
		w.value = value
		w.told(value, nil)
	}
	return w.value
}

// A pair is a certificate of ours in use.
type pair = watched[*tls.Certificate]

// newPair reads a pair. of names it in the log: a side, or a carrier.
func (s *Server) newPair(of string, f TLSFiles) (*pair, error) {
	return watch(func() (*tls.Certificate, error) {
		c, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
		if err != nil {
			return nil, fmt.Errorf("read the certificate of %s: %w", of, err)
		}
		return &c, nil
	}, func(c *tls.Certificate, err error) {
		if err != nil {
			s.log.Error("a new certificate cannot be used, the old one stays", zap.String("of", of), zap.Error(err))
			return
		}
		s.log.Info("a new certificate is in use", zap.String("of", of), zap.Time("until", c.Leaf.NotAfter))
	}, f.Certificate, f.Key)
}

// newPool reads the authorities of a carrier.
func (s *Server) newPool(of, path string) (*watched[*x509.CertPool], error) {
	return watch(func() (*x509.CertPool, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the authorities of %s: %w", of, err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("read the authorities of %s: no certificate in %s", of, path)
		}
		return pool, nil
	}, func(_ *x509.CertPool, err error) {
		if err != nil {
			s.log.Error("new authorities cannot be used, the old ones stay", zap.String("of", of), zap.Error(err))
		}
	}, path)
}

// A trunkTLS is what belongs to one carrier.
type trunkTLS struct {
	err  error // why there can be no TLS with it
	pool *watched[*x509.CertPool]
	pair *pair // nil: that of the side
	name string
}

// trunksTLS reads what belongs to the carriers. What cannot be read is told, and there is no TLS
// with that carrier until it can: never a TLS that proves less than it was asked to.
func (s *Server) trunksTLS(carriers []Carrier) map[string]*trunkTLS {
	out := make(map[string]*trunkTLS)
	for _, c := range carriers {
		t := &trunkTLS{name: c.TLS.Name}
		var poolErr, pairErr error
		if c.TLS.CA != "" {
			t.pool, poolErr = s.newPool(c.Name, c.TLS.CA)
		}
		if c.TLS.Certificate != "" {
			t.pair, pairErr = s.newPair(c.Name, TLSFiles{c.TLS.Certificate, c.TLS.Key})
		}
		if t.err = errors.Join(poolErr, pairErr); t.err != nil {
			s.log.Error("no TLS with a carrier", zap.String("trunk", c.Name), zap.Error(t.err))
		}
		out[c.Name] = t
	}
	return out
}

var errNoTLS = errors.New("there can be no TLS with this carrier")

// trunkTLSOf is what belongs to a carrier.
func (s *Server) trunkTLSOf(name string) (*trunkTLS, error) {
	t := (*s.trunkTLS.Load())[name]
	if t == nil {
		return nil, errNoTLS
	}
	return t, t.err
}

// serverTLS is how we speak TLS to somebody who connects. Versions and ciphers are Go's: TLS 1.2
// and up. A carrier with authorities of its own must show a certificate of theirs.
func (s *Server) serverTLS(c *tcpConn) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return s.pairs[c.side].get(), nil
	}}
	if c.side == phoneSide {
		return config
	}
	carrier := s.carrierOf(c.peer.Addr())
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if carrier == nil {
			return nil, errNoTLS
		}
		t, err := s.trunkTLSOf(carrier.Name)
		if err != nil {
			return nil, err
		}
		own := config.Clone()
		own.GetConfigForClient = nil
		own.SessionTicketsDisabled = true // each connection is proved anew
		if t.pair != nil {
			own.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return t.pair.get(), nil }
		}
		if t.pool == nil {
			return own, nil
		}
		own.ClientAuth, own.ClientCAs = tls.RequireAndVerifyClientCert, t.pool.get()
		own.VerifyConnection = func(cs tls.ConnectionState) error {
			if t.name == "" {
				return nil
			}
			return cs.PeerCertificates[0].VerifyHostname(t.name)
		}
		return own, nil
	}
	return config
}

// clientTLS is how we speak TLS to a carrier that we connect to.
func (s *Server) clientTLS(to target) (*tls.Config, error) {
	t, err := s.trunkTLSOf(to.trunk)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.name}
	if config.ServerName == "" {
		config.ServerName = to.host
	}
	if config.ServerName == "" {
		config.ServerName = to.at.Addr().String() // an address among its names then
	}
	if t.pool != nil {
		config.RootCAs = t.pool.get()
	}
	ours := t.pair
	if ours == nil {
		ours = s.pairs[trunkSide]
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if ours == nil {
			return new(tls.Certificate), nil // none: the carrier decides what that is worth
		}
		return ours.get(), nil
	}
	return config, nil
}

// openPairs reads the certificates of both sides.
func (s *Server) openPairs() error {
	for sd, f := range [2]TLSFiles{s.o.Trunks.TLS, s.o.Phones.TLS} {
		if f.Certificate == "" {
			continue
		}
		p, err := s.newPair(side(sd).String(), f)
		if err != nil {
			return err
		}
		s.pairs[sd] = p
	}
	return nil
}

// expiryWarnings are how long before the end of a certificate somebody is told, once each.
var expiryWarnings = [...]time.Duration{0, day, 7 * day, 14 * day, 30 * day} // shortest first

const day = 24 * time.Hour

// expiry is how long a side's certificate is good from now on. Without one there is no answer.
func (s *Server) expiry(sd side, now time.Time) (left time.Duration, ok bool) {
	if s.pairs[sd] == nil {
		return 0, false
	}
	return s.pairs[sd].get().Leaf.NotAfter.Sub(now), true
}

// watchExpiry tells of certificates that will end soon. warned is what was told before, as the
// place in expiryWarnings.
func (s *Server) watchExpiry(now time.Time, warned map[string]int) {
	ours := map[string]*pair{}
	for _, sd := range []side{trunkSide, phoneSide} {
		ours[sd.String()] = s.pairs[sd]
	}
	for name, t := range *s.trunkTLS.Load() {
		if t.err == nil {
			ours["carrier "+name] = t.pair
		}
	}
	for of, p := range ours {
		if p == nil {
			continue
		}
		left := p.get().Leaf.NotAfter.Sub(now)
		step := len(expiryWarnings)
		for i, w := range expiryWarnings {
			if left <= w {
				step = i
				break
			}
		}
		if before, ok := warned[of]; step < len(expiryWarnings) && (!ok || step < before) {
			s.log.Warn("a certificate ends soon", zap.String("of", of), zap.Time("until", now.Add(left)), zap.Int("days", int(left/day)))
		}
		warned[of] = step // a new certificate begins anew
	}
}

// grumbles lets one warning a minute and a carrier into the log.
type grumbles struct {
	mu   sync.Mutex
	last map[string]time.Time // by carrier: as many as the configuration has
}

// first says that nothing was said of this carrier for a minute.
func (g *grumbles) first(trunk string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if last, ok := g.last[trunk]; ok && now.Sub(last) < time.Minute {
		return false
	}
	if g.last == nil {
		g.last = make(map[string]time.Time)
	}
	g.last[trunk] = now
	return true
}
