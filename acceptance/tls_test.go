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

// A carrier that is called over TLS: each sees the other's certificate, the questions whether it lives
// and a call go by one connection, and when that is gone the BYE makes a new one. A carrier with
// another's certificate is down.
func TestACarrierCalledOverTLS(t *testing.T) {
	ours, theirs := newIssuer(t).issue("hotline.example"), newIssuer(t).issue("sip.carrier.example").issue("sip.other.example")
	s := newServer(t, `directory: [{name: ministry, number: "+994125500001", languages: [en]}]`, "outgoing: {calls: 4}")
	carrier := func(name string, port int) string {
		return fmt.Sprintf(`{name: %s, to: ["127.0.0.1:%d;transport=tls"], tls: {ca: %s, name: sip.carrier.example, certificate: %s, key: %s}}`,
			name, port, theirs.cert("ca"), ours.cert("hotline.example"), ours.key("hotline.example"))
	}
	s.change(map[string]string{
		"[{name: carrier, from: [127.0.0.0/8]}]": "[{name: carrier, from: [127.0.0.2]}, " + carrier("out", 7100) + ", " + carrier("wrong", 7110) + "]",
		`also: ["012919"]`:                       `also: ["012919"], trunks: [out]`,
	})
	switchAt := func(port int, name string) *phone.Phone {
		config := ours.trusting(theirs.pair(name))
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, config.RootCAs
		return s.citizen(func(o *phone.Options) {
			o.Listen, o.User, o.Transport, o.TLS = fmt.Sprintf("127.0.0.1:%d", port), "ministry", "tls", config
		})
	}
	ministry := switchAt(7100, "sip.carrier.example")
	switchAt(7110, "sip.other.example")
	s.addOperator("aysel", "az,en,ru")
	s.start()
	s.becomes(`hotline_sip_trunk_up{trunk="out"}`, 1)
	s.becomes(`hotline_sip_trunk_up{trunk="wrong"}`, 0)

	op := s.operatorPhone("aysel")
	c, err := op.DialAsync(phone.DialOptions{To: "sip:ministry@127.0.0.1:5070"})
	if err != nil {
		t.Fatal(err)
	}
	taken := s.rung(ministry)
	if got := strings.Join(taken.Invite().All("Via"), " "); !strings.HasPrefix(got, "SIP/2.0/TLS 127.0.0.1") {
		t.Errorf("Via %s", got)
	}
	if err := taken.Answer(); err != nil {
		t.Fatal(err)
	}
	taken.Media().Say(0.3, 600)
	if err := c.WaitAnswered(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	c.Media().Say(0.3, 1000)
	s.hears(c, 600)
	s.hears(taken, 1000)
	ministry.DropConnections()
	s.goesOn(taken, "ministry")
	s.hangUp(c)
	s.over(taken)
	if taken.EndedBy() != phone.EndedByPeer {
		t.Errorf("ended by %s", taken.EndedBy())
	}
	if n := strings.Count(s.read("serve.log"), `"a carrier is not reached"`); n == 0 {
		t.Error("nobody is told of a carrier with another's certificate")
	}
}
