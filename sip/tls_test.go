package sip

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
)

// An authority signs certificates in a test.
type authority struct {
	t    *testing.T
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string // PEM, for whoever trusts it
	n    int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.key = newKey(t)
	a.cert = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority of a test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	}, nil, a.key)
	a.file = filepath.Join(a.dir, "ca.pem")
	writePEM(t, a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (a *authority) sign(c, by *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	a.n++
	c.SerialNumber, c.NotBefore = big.NewInt(a.n), time.Now().Add(-time.Hour)
	if by == nil {
		by = c
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed
}

func writePEM(t *testing.T, path, kind string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue signs a certificate for a name and 127.0.0.1, and writes it over what was in the files of that name.
func (a *authority) issue(file, name string, lasts time.Duration) TLSFiles {
	a.t.Helper()
	key := newKey(a.t)
	cert := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter: time.Now().Add(lasts), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key)
	f := TLSFiles{filepath.Join(a.dir, file+".pem"), filepath.Join(a.dir, file+".key")}
	b, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	writePEM(a.t, f.Certificate, "CERTIFICATE", cert.Raw)
	writePEM(a.t, f.Key, "EC PRIVATE KEY", b)
	return f
}

func (a *authority) pair(name string) tls.Certificate {
	a.t.Helper()
	f := a.issue("client-"+name, name, time.Hour)
	c, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// overTLS adds listeners with certificates to the options.
func (a *authority) overTLS(o *Options) {
	o.Trunks.Listen = append(o.Trunks.Listen, "tls://127.0.0.1:0")
	o.Phones.Listen = append(o.Phones.Listen, "tls://127.0.0.1:0")
	o.Trunks.TLS = a.issue("trunks", "trunks.example", time.Hour)
	o.Phones.TLS = a.issue("phones", "phones.example", time.Hour)
}

// secured is a peer over TLS with a configuration of its own.
func (h *house) secured(sd side, config *tls.Config) (*peer, error) {
	h.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, Timeout: patience}
	c, err := tls.DialWithDialer(&d, "tcp", h.listener(sd, "tls").String(), config)
	if err != nil {
		return nil, err
	}
	h.t.Cleanup(func() { _ = c.Close() })
	return &peer{t: h.t, conn: c, at: netip.MustParseAddrPort(c.LocalAddr().String())}, nil
}

func TestAPhoneOverTLS(t *testing.T) {
	h := open(t, newAuthority(t).overTLS, nil)
	d := h.deskPhone("tls")
	d.register(200)
	if b := h.Server.reg.contacts(testUser); len(b) != 1 || b[0].Transport != "tls" {
		t.Errorf("bound as %+v", b)
	}
	l, invite := h.ring(t, d)
	at := h.listener(phoneSide, "tls")
	if !strings.HasPrefix(invite.get("Via"), "SIP/2.0/TLS "+at.String()+";") || invite.get("Contact") != "<sip:hotline@"+at.String()+";transport=tls>" {
		t.Errorf("Via %q, Contact %q", invite.get("Via"), invite.get("Contact"))
	}
	if d := h.dialog.all(); len(d) != 1 || d[0].Transport != "tls" {
		t.Errorf("remembered as %+v", d)
	}
	_ = d.conn.Close()
	eventually(t, "the connection is gone", func() bool { return l.flow.tcp.gone() })
	again := h.deskPhone("tls")
	again.register(200)
	l.Hangup(call.Reason{})
	again.request("BYE")
}

// Who speaks sips is answered in sips, both ways.
func TestSIPSStaysSIPS(t *testing.T) {
	h := open(t, newAuthority(t).overTLS, nil)
	p := peerAt(t, "tls", "127.0.0.1", h.listener(trunkSide, "tls"))
	c := p.dials()
	c.target, c.to = "sips:919@127.0.0.1", "<sips:919@127.0.0.1>"
	p.send(c.invite())
	if err := next(t, h.legs).Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := p.answer("INVITE", 200).get("Contact"), "<sips:hotline@"+h.listener(trunkSide, "tls").String()+">"; got != want {
		t.Errorf("Contact %s, want %s", got, want)
	}

	d := h.deskPhone("tls")
	d.scheme = "sips"
	d.register(200)
	_, invite := h.ring(t, d)
	want := "<sips:hotline@" + h.listener(phoneSide, "tls").String() + ">"
	if got := invite.get("Contact"); got != want || !strings.HasPrefix(invite.start, "INVITE sips:anar@") {
		t.Errorf("%s, Contact %s, want %s", invite, got, want)
	}
}

func TestACarrierProvesWhoItIs(t *testing.T) {
	ours, theirs, foreign := newAuthority(t), newAuthority(t), newAuthority(t)
	var carrier Carrier
	h := open(t, func(o *Options) {
		ours.overTLS(o)
		carrier = o.Trunks.Carriers[0]
		carrier.TLS = CarrierTLS{CA: theirs.file, Name: "sip.carrier.example"}
		o.Trunks.Carriers = []Carrier{carrier}
	}, nil)
	shown := func(c ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: ours.pool(), ServerName: "trunks.example", Certificates: c}
	}
	for name, c := range map[string]struct {
		config *tls.Config
		taken  bool
	}{
		"its certificate":              {shown(theirs.pair("sip.carrier.example")), true},
		"none":                         {shown(), false},
		"one of another authority":     {shown(foreign.pair("sip.carrier.example")), false},
		"one with another name":        {shown(theirs.pair("sip.other.example")), false},
		"one of ours":                  {shown(ours.pair("sip.carrier.example")), false},
		"its certificate, and TLS 1.1": {&tls.Config{RootCAs: ours.pool(), ServerName: "trunks.example", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := h.secured(trunkSide, c.config)
			if err != nil {
				if c.taken {
					t.Fatal(err)
				}
				return
			}
			p.t = t
			if !c.taken {
				p.end() // with TLS 1.3 the client learns it after its own handshake
				return
			}
			call := p.dials()
			p.send(call.text("OPTIONS", call.branch, "", "", ""))
			p.answer("OPTIONS", 200)
		})
	}
	t.Run("without TLS", func(t *testing.T) {
		p := h.carrierBy("udp")
		p.t = t
		c := p.dials()
		p.send(c.invite())
		p.quiet(100 * time.Millisecond)
		h.carrierBy("tcp").end()
	})
	t.Run("no authority asked for any longer", func(t *testing.T) {
		carrier.TLS = CarrierTLS{}
		h.SetCarriers([]Carrier{carrier})
		p, err := h.secured(trunkSide, shown())
		if err != nil {
			t.Fatal(err)
		}
		c := p.dials()
		p.send(c.invite())
		p.answer("INVITE", 100)
	})
}

// Somebody who opens connections and says nothing keeps nobody waiting.
func TestSilentHandshakes(t *testing.T) {
	a := newAuthority(t)
	h := open(t, a.overTLS, func(x *timing) { x.Handshake = 3 * time.Second })
	var silent []net.Conn
	for range 500 {
		c, err := net.Dial("tcp", h.listener(trunkSide, "tls").String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent = append(silent, c)
	}
	p, err := h.secured(trunkSide, &tls.Config{RootCAs: a.pool(), ServerName: "trunks.example"})
	if err != nil {
		t.Fatal(err)
	}
	c := p.dials()
	p.send(c.text("OPTIONS", c.branch, "", "", ""))
	p.answer("OPTIONS", 200)
	for _, c := range silent {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a silent connection stays open")
		}
	}
}

// On the phone side they are strangers, and counted before a word of TLS is spoken.
func TestStrangersAreCountedBeforeTLS(t *testing.T) {
	h := open(t, newAuthority(t).overTLS, nil)
	at := h.listener(phoneSide, "tls")
	for range strangersPerAddress {
		peerAt(t, "tcp", "127.0.0.2", at)
	}
	eventually(t, "all are in", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.conns) == strangersPerAddress
	})
	peerAt(t, "tcp", "127.0.0.2", at).end()
	h.deskPhoneAt("tls", "127.0.0.3").register(200)
	stranger := peerAt(t, "tcp", "127.0.0.9", h.listener(trunkSide, "tls"))
	stranger.end() // no carrier: no handshake
}

func TestACertificateIsReadAgain(t *testing.T) {
	a := newAuthority(t)
	seen, log := observer.New(zap.InfoLevel)
	var files TLSFiles
	h := open(t, func(o *Options) {
		a.overTLS(o)
		files, o.Log = o.Phones.TLS, zap.New(seen)
	}, nil)
	serial := func() string {
		t.Helper()
		p, err := h.secured(phoneSide, &tls.Config{RootCAs: a.pool(), ServerName: "phones.example"})
		if err != nil {
			t.Fatal(err)
		}
		defer p.conn.Close()
		return p.conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	told := func(what string) int { return log.FilterMessage(what).Len() }
	first := serial()
	a.issue("phones", "phones.example", 2*time.Hour)
	eventually(t, "the new certificate is shown", func() bool { return serial() != first })
	if told("a new certificate is in use") != 1 {
		t.Error("nothing was said of it")
	}
	second := serial()
	if err := os.WriteFile(files.Key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bad key is told", func() bool {
		return serial() == second && told("a new certificate cannot be used, the old one stays") == 1
	})
	left := count(t, h, "hotline_sip_certificate_expiry_seconds", "phones")
	if left < 7000 || left > 7200 {
		t.Errorf("the certificate is said to last %v s", left)
	}
	eventually(t, "its end is told", func() bool { return told("a certificate ends soon") >= 2 })
}

func TestCertificatesThatEndSoon(t *testing.T) {
	a := newAuthority(t)
	seen, log := observer.New(zap.WarnLevel)
	h := open(t, func(o *Options) {
		o.Phones.TLS = a.issue("phones", "phones.example", 40*day)
		o.Log = zap.New(seen)
	}, nil)
	if v := count(t, h, "hotline_sip_certificate_expiry_seconds", "trunks"); !math.IsNaN(v) {
		t.Errorf("a side without a certificate says %v", v)
	}
	warned := make(map[string]int)
	var days []int64
	for left := 40 * day; left > -2*day; left -= 6 * time.Hour {
		before := log.Len()
		h.watchExpiry(time.Now().Add(40*day-left), warned)
		if log.Len() > before {
			days = append(days, log.All()[log.Len()-1].ContextMap()["days"].(int64))
		}
	}
	if fmt.Sprint(days) != "[29 13 6 0 0]" {
		t.Errorf("told with so many whole days left: %v", days)
	}
}

func TestTLSNeedsACertificate(t *testing.T) {
	o := Options{Trunks: TrunkOptions{Listen: []string{"tls://127.0.0.1:0"}}}
	if err := o.Check(); err == nil || !strings.Contains(err.Error(), "sip.trunks.listen[0]: tls:// needs a certificate") {
		t.Errorf("%v", err)
	}
}
