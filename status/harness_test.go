package status

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
)

// known1234 is a question that the outside systems of these tests have an answer to.
var known1234 = call.StatusQuestion{Number: "1234", Born: "09051988", From: "+994125550100"}

const granted = `{"status": "granted", "changed": "2026-11-03", "due": "2026-12-01"}`

// A house is a Connector with what it logs and counts.
type house struct {
	*Connector
	t    *testing.T
	logs *observer.ObservedLogs
}

// options are good ones for an outside system at url.
func options(url string) Options {
	return Options{URL: url, Timeout: 3 * time.Second, Cache: 24 * time.Hour, Daily: 1000, Zone: time.UTC}
}

func open(t *testing.T, o Options) *house {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	o.Log, o.Metrics = zap.New(core), prometheus.NewRegistry()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &house{c, t, logs}
}

// faults are the classes that were logged, in order.
func (h *house) faults() (all []string) {
	for _, e := range h.logs.All() {
		if f, ok := e.ContextMap()["fault"].(string); ok {
			all = append(all, f)
		}
	}
	return all
}

func (h *house) counted(result string) int {
	return int(testutil.ToFloat64(h.metrics.questions.WithLabelValues(result)))
}

// want asks and demands what comes.
func (h *house) want(q call.StatusQuestion, state call.StandingState, err error) call.Standing {
	h.t.Helper()
	s, got := h.Ask(h.t.Context(), q)
	if s.State != state || !errors.Is(got, err) || (err == nil && got != nil) {
		h.t.Fatalf("%q, %v; want %q, %v", s.State, got, state, err)
	}
	return s
}

// pipes is an outside system that needs no network, so that it can live in a synctest bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

// virtual opens a house whose outside system is h, reached without a network.
func virtual(t *testing.T, o Options, h http.HandlerFunc) *house {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then a server sees that the other side has gone
		h(w, r)
	})}
	stopped := make(chan struct{})
	go func() { defer close(stopped); _ = server.Serve(p) }()
	o.URL = "http://localhost/status"
	c := open(t, o)
	c.outside = &outside{o: c.outside.o, log: c.log, dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		here, there := net.Pipe()
		select {
		case p.conns <- there:
			return here, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	t.Cleanup(func() { c.Close(); _ = server.Close(); <-stopped })
	return c
}

// says answers each question with one code and body.
func says(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// asked reads a question as the other side does, and nothing but the two agreed keys.
func asked(t *testing.T, r *http.Request) (number, born string) {
	t.Helper()
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	var q struct{ Number, Born string }
	if err := d.Decode(&q); err != nil {
		t.Errorf("the question cannot be read: %v", err)
	}
	return q.Number, q.Born
}

// An authority signs certificates for tests.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	made int64
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.make(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour)}, nil, nil)
	a.write("ca.pem", "CERTIFICATE", a.cert.Raw)
	return a
}

// make signs a certificate; without a parent it signs itself.
func (a *authority) make(template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if parent == nil {
		parent, by = template, key
	}
	a.made++
	template.SerialNumber, template.NotBefore = big.NewInt(a.made), time.Now().Add(-2*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue makes a pair for a name that is good until then, and gives the paths of its files.
func (a *authority) issue(name string, until time.Time) (certificate, key string) {
	a.t.Helper()
	cert, private := a.make(&x509.Certificate{Subject: pkix.Name{CommonName: name}, NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}, a.cert, a.key)
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", cert.Raw), a.write(name+".key", "EC PRIVATE KEY", der)
}

func (a *authority) ca() string { return filepath.Join(a.dir, "ca.pem") }

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// pair loads what issue has made.
func (a *authority) pair(name string, until time.Time) tls.Certificate {
	a.t.Helper()
	c, err := tls.LoadX509KeyPair(a.issue(name, until))
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}
