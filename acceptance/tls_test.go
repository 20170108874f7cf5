//go:build acceptance

package acceptance

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/phone"
)

// An issuer is a certificate authority made of openssl: what the server reads was not written by
// the library that it reads with.
type issuer struct {
	t   testing.TB
	dir string
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	a := &issuer{t, t.TempDir()}
	a.openssl("ca", "-addext", "basicConstraints=critical,CA:TRUE")
	return a
}

func (a *issuer) openssl(name string, args ...string) {
	a.t.Helper()
	run(a.t, "openssl", append([]string{"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "60",
		"-subj", "/CN=" + name, "-keyout", a.key(name), "-out", a.cert(name)}, args...)...)
}

func (a *issuer) cert(name string) string { return filepath.Join(a.dir, name+".pem") }
func (a *issuer) key(name string) string  { return filepath.Join(a.dir, name+".key") }

// issue makes a certificate for a name and 127.0.0.1.
func (a *issuer) issue(name string) *issuer {
	a.t.Helper()
	a.openssl(name, "-CA", a.cert("ca"), "-CAkey", a.key("ca"), "-addext", "basicConstraints=critical,CA:FALSE",
		"-addext", "subjectAltName=IP:127.0.0.1,DNS:"+name)
	return a
}

// trusting is how a telephone of ours speaks TLS with somebody whom this authority knows.
func (a *issuer) trusting(own ...tls.Certificate) *tls.Config {
	a.t.Helper()
	b, err := os.ReadFile(a.cert("ca"))
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(b) {
		a.t.Fatalf("the authority's certificate: %v", err)
	}
	return &tls.Config{RootCAs: pool, Certificates: own}
}

func (a *issuer) pair(name string) tls.Certificate {
	a.t.Helper()
	c, err := tls.LoadX509KeyPair(a.cert(name), a.key(name))
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

// overTLS adds tls:// listeners to both sides, and an authority that the carrier must have its
// certificate from.
func (s *server) overTLS(ours, theirs *issuer) {
	s.t.Helper()
	side := func(name string) string {
		return fmt.Sprintf("tls: {certificate: %s, key: %s}", ours.cert(name), ours.key(name))
	}
	s.change(map[string]string{
		"tcp://127.0.0.1:5060]":                  "tcp://127.0.0.1:5060, tls://127.0.0.1:5061]\n    " + side("trunks.example"),
		"tcp://127.0.0.1:5070]":                  "tcp://127.0.0.1:5070, tls://127.0.0.1:5071], " + side("phones.example"),
		"[{name: carrier, from: [127.0.0.0/8]}]": "[{name: carrier, from: [127.0.0.0/8], tls: {ca: " + theirs.cert("ca") + ", name: sip.carrier.example}}]",
	})
}

// An operator's softphone registers over TLS and takes a call that a carrier brings over TLS,
// each having seen the other's certificate.
func TestACallOverTLS(t *testing.T) {
	ours, theirs := newIssuer(t).issue("trunks.example").issue("phones.example"), newIssuer(t).issue("sip.carrier.example").issue("sip.other.example")
	s := newServer(t)
	s.overTLS(ours, theirs)
	if out, code := s.command("", "check"); code != 0 {
		t.Fatalf("check: exit %d: %s", code, out)
	}
	s.addOperator("aysel", "az,en,ru")
	s.start()
	softphone := newBaresip(t, "aysel", s.secrets["aysel"], "127.0.0.1:5071;transport=tls", 10600, "sip_cafile "+ours.cert("ca"))
	traffic := capturing(t, "tcp or udp")

	carrier := func(config *tls.Config) (*phone.Call, error) {
		p := s.citizen(func(o *phone.Options) { o.Transport, o.TLS = "tls", config })
		return p.Dial(within(t, 5*time.Second), phone.DialOptions{To: "sip:919@127.0.0.1:5061;transport=tls"})
	}
	c, err := carrier(ours.trusting(theirs.pair("sip.carrier.example")))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Final().All("Contact"), " "); got != "<sip:hotline@127.0.0.1:5061;transport=tls>" {
		t.Errorf("Contact %s", got)
	}
	s.press(c, "2")
	c.Media().Say(0.3, 440)
	if err := c.Media().WaitTone(within(t, 25*time.Second), 1000); err != nil {
		t.Fatalf("the operator is not heard: %v", err)
	}
	talking := time.Now()
	eventually(t, 10*time.Second, "they have talked for three seconds", func() bool { return time.Since(talking) > 3*time.Second })
	s.hangUp(c)
	if r := s.lastRecord(); verdict(r) != "completed by caller" || str(r.Operator) != "aysel" {
		t.Errorf("record: %s", r)
	}
	if h := sox(t, softphone.heard(t), 1, time.Second, time.Second); !h.has(440) {
		t.Errorf("the softphone heard %+v, want 440 Hz", h)
	}
	traffic.mark("the call is over")
	if b, err := os.ReadFile(traffic.file); err != nil || strings.Contains(string(b), "INVITE sip:") {
		t.Errorf("an INVITE can be read on the wire: %v", err)
	}

	for name, config := range map[string]*tls.Config{
		"no certificate":                     ours.trusting(),
		"a certificate with another name":    ours.trusting(theirs.pair("sip.other.example")),
		"a certificate of another authority": ours.trusting(ours.pair("phones.example")),
	} {
		if c, err := carrier(config); err == nil {
			t.Errorf("a carrier with %s was answered", name)
			s.hangUp(c)
		}
	}
	p := s.citizen() // from the carrier's address, and without TLS
	if c, err := p.Dial(within(t, 2*time.Second), phone.DialOptions{To: line919}); err == nil {
		t.Error("a carrier without TLS was answered")
		s.hangUp(c)
	}
	if n := len(s.records()); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
	if left := s.metric(`hotline_sip_certificate_expiry_seconds{side="phones"}`); left < 59*86400 || left > 60*86400 {
		t.Errorf("the certificate lasts %v s", left)
	}

	// A new certificate, without a restart and with the softphone's connection still there.
	before := ours.pair("phones.example").Leaf.SerialNumber
	ours.issue("phones.example")
	eventually(t, 20*time.Second, "the new certificate is shown", func() bool {
		conn, err := tls.Dial("tcp", "127.0.0.1:5071", ours.trusting())
		if err != nil {
			return false // between the two files
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Cmp(before) != 0
	})
}
