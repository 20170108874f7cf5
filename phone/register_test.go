package phone

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// registrar is a small server of its own: it challenges, checks and counts.
type registrar struct {
	t      *testing.T
	conn   *net.UDPConn
	offers []string // algorithms
	secret string

	mu    sync.Mutex
	seen  []string // algorithm and expires of each accepted REGISTER
	nonce int
	stale bool // call the next nonce stale once
}

func newRegistrar(t *testing.T, offers ...string) *registrar {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	ok(t, err)
	r := &registrar{t: t, conn: conn, offers: offers, secret: "right"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.serve()
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return r
}

func (r *registrar) serve() {
	buf := make([]byte, 65535)
	for {
		n, from, err := r.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		m, err := parseDatagram(buf[:n])
		if err != nil {
			r.t.Errorf("registrar: %v", err)
			continue
		}
		r.conn.WriteToUDP(r.answer(m).Bytes(), from)
	}
}

func (r *registrar) answer(m *Message) *Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	tx := &serverTx{req: m, wire: datagram{r.conn, r.conn.LocalAddr().(*net.UDPAddr)}, tag: "reg"}
	h := strings.TrimPrefix(m.Get("Authorization"), "Digest ")
	get := func(name string) string {
		for _, part := range splitList(h) {
			if k, v, _ := strings.Cut(part, "="); k == name {
				return unquote(v)
			}
		}
		return ""
	}
	nonce := fmt.Sprintf("nonce-%d", r.nonce)
	c := challenge{algorithm: get("algorithm")}
	ha1 := c.hash("op1:testers:" + r.secret)
	want := c.hash(strings.Join([]string{ha1, nonce, get("nc"), get("cnonce"), "auth", c.hash("REGISTER:" + m.URI)}, ":"))
	if h != "" && get("nonce") == nonce && get("response") == want && !r.stale {
		r.seen = append(r.seen, get("algorithm")+" "+m.Get("Expires"))
		okay := tx.response(200, "OK")
		okay.add("Contact", m.Get("Contact")+";expires="+m.Get("Expires"))
		return okay
	}
	refusal := tx.response(401, "Unauthorized")
	stale := ""
	if r.stale {
		stale, r.stale = ", stale=true", false
		r.nonce++
	}
	for _, a := range r.offers {
		refusal.add("WWW-Authenticate", fmt.Sprintf(`Digest realm="testers", nonce="nonce-%d", qop="auth", algorithm=%s%s`, r.nonce, a, stale))
	}
	return refusal
}

func (r *registrar) accepted() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.seen...)
}

func TestRegister(t *testing.T) {
	cases := []struct {
		name      string
		offers    []string
		algorithm string
		want      string
	}{
		{"the strongest is taken", []string{"SHA-256", "MD5"}, "", "SHA-256 300"},
		{"an old registrar", []string{"MD5"}, "", "MD5 300"},
		{"an old phone", []string{"SHA-256", "MD5"}, "MD5", "MD5 300"},
		{"an algorithm of tomorrow", []string{"SHA-512-256", "MD5"}, "", "MD5 300"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRegistrar(t, c.offers...)
			p := open(t, Options{User: "op1", Secret: "right", Server: r.conn.LocalAddr().String(), Algorithm: c.algorithm})
			ok(t, p.Register(limit(t), 300*time.Second))
			if got := r.accepted(); len(got) != 1 || got[0] != c.want {
				t.Errorf("accepted %q, want %q", got, c.want)
			}
			r.mu.Lock()
			r.stale = true
			r.mu.Unlock()
			ok(t, p.Unregister(limit(t)))
			if got := r.accepted(); len(got) != 2 || !strings.HasSuffix(got[1], " 0") {
				t.Errorf("after taking back: %q", got)
			}
		})
	}
}

func TestRegisterIsRefreshed(t *testing.T) {
	r := newRegistrar(t, "SHA-256")
	p := open(t, Options{User: "op1", Secret: "right", Server: r.conn.LocalAddr().String()})
	ok(t, p.Register(limit(t), time.Second))
	until(t, "two refreshes", func() bool { return len(r.accepted()) >= 3 })
}

func TestWrongSecret(t *testing.T) {
	r := newRegistrar(t, "SHA-256", "MD5")
	p := open(t, Options{User: "op1", Secret: "wrong", Server: r.conn.LocalAddr().String()})
	var refused *Rejected
	if err := p.Register(limit(t), time.Minute); !errors.As(err, &refused) || refused.Code != 401 {
		t.Errorf("wrong secret: %v", err)
	}
}

// RFC 7616 §3.9.1 gives both responses for one request.
func TestDigestOfTheRFC(t *testing.T) {
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c := challenge{algorithm: algorithm}
		ha1 := c.hash("Mufasa:http-auth@example.org:Circle of Life")
		got := c.hash(strings.Join([]string{ha1, "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "00000001",
			"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "auth", c.hash("GET:/dir/index.html")}, ":"))
		if got != want {
			t.Errorf("%s: %s, want %s", algorithm, got, want)
		}
	}
}
