package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/media"
)

// patience is how long a test waits for what must come. It is never waited out where all is well.
const patience = 10 * time.Second

// quietTime is how long nothing may come where nothing is due.
const quietTime = 50 * time.Millisecond

// A house is a server on loopback with everything around it played by the test.
type house struct {
	*Server
	t      *testing.T
	legs   chan call.Leg // what Serve was given, where the test serves itself
	phones chan call.Leg
	dialog *dialogBook
	reg    *prometheus.Registry
	trunk  netip.AddrPort
	phone  netip.AddrPort
}

const (
	testUser   = "anar"
	testSecret = "secret-of-the-test"
)

// open builds and starts a server. change may alter the options, fast the times.
func open(t *testing.T, change func(*Options), fast func(*timing)) *house {
	t.Helper()
	h := &house{t: t, legs: make(chan call.Leg, 1000), phones: make(chan call.Leg, 1000), reg: prometheus.NewRegistry(), dialog: &dialogBook{live: map[string]call.Dialog{}}}
	o := Options{
		Trunks: TrunkOptions{
			Listen:   []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"},
			Carriers: []Carrier{{Name: "carrier", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}},
		},
		Phones: PhoneOptions{Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}, Realm: "test"},
		Media:  engineAt(t, netip.MustParseAddr("127.0.0.1")), Users: testUsers{}, Bindings: &bindingBook{}, Dialogs: h.dialog,
		Log: zap.NewNop(), Metrics: h.reg,
		Line:       func(n string) bool { return n == "919" },
		Serve:      h.hand(h.legs),
		ServePhone: h.hand(h.phones),
	}
	if change != nil {
		change(&o)
	}
	server, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	h.Server = server
	if fast != nil {
		fast(&h.times)
	}
	if err := h.Listen(); err != nil {
		t.Fatal(err)
	}
	trunks, phones := h.Addrs()
	h.trunk = netip.MustParseAddrPort(strings.TrimPrefix(trunks[0], "udp://"))
	h.phone = netip.MustParseAddrPort(strings.TrimPrefix(phones[0], "udp://"))
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// engineAt opens an engine that ends with the test.
func engineAt(t testing.TB, listen netip.Addr) *media.Engine {
	first := 20000 + os.Getpid()%200*100
	return engineWith(t, listen, media.PortRange{First: first, Last: first + 1999})
}

// engineWith opens an engine of these ports.
func engineWith(t testing.TB, listen netip.Addr, ports media.PortRange) *media.Engine {
	t.Helper()
	engine, err := media.New(media.Options{
		Listen: listen, Ports: ports,
		Engine: "portable", Threads: 1, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// hand gives each leg to the test and stays until it has ended.
func (h *house) hand(to chan call.Leg) func(context.Context, call.Leg) {
	return func(_ context.Context, l call.Leg) {
		to <- l
		<-l.(*leg).gone
	}
}

// fastTimes is a sixteenth of RFC 3261: T1 is 31 ms, 64·T1 two seconds.
func fastTimes(x *timing) {
	d := defaultTiming()
	for _, p := range []struct{ to, from *time.Duration }{
		{&x.T1, &d.T1}, {&x.T2, &d.T2}, {&x.T4, &d.T4}, {&x.Life, &d.Life},
		{&x.Provisional, &d.Provisional}, {&x.Help, &d.Help}, {&x.HelpTrying, &d.HelpTrying}, {&x.Probe, &d.Probe}, {&x.Pinhole, &d.Pinhole},
		{&x.FirstMessage, &d.FirstMessage}, {&x.Unfinished, &d.Unfinished}, {&x.StrangerIdle, &d.StrangerIdle},
		{&x.Ping, &d.Ping},
	} {
		*p.to = *p.from / 16
	}
}

// next takes the next leg given to Serve.
func next(t *testing.T, legs chan call.Leg) *leg {
	t.Helper()
	select {
	case l := <-legs:
		return l.(*leg)
	case <-time.After(patience):
		t.Fatal("no leg was served")
		return nil
	}
}

// ended waits for the last event of a leg and returns all of them.
func ended(t *testing.T, l call.Leg) []call.LegEvent {
	t.Helper()
	var all []call.LegEvent
	late := time.After(patience)
	for {
		select {
		case e, ok := <-l.Events():
			if !ok {
				return all
			}
			all = append(all, e)
		case <-late:
			t.Fatalf("the leg did not end; events so far: %v", all)
		}
	}
}

// causeOf is why a leg ended.
func causeOf(t *testing.T, l call.Leg) call.Cause {
	t.Helper()
	all := ended(t, l)
	if len(all) == 0 || all[len(all)-1].Kind != call.LegEnded {
		t.Fatalf("the last event is not Ended: %v", all)
	}
	return all[len(all)-1].Cause
}

type testUsers struct{}

func (testUsers) HA1(user, realm, algorithm string) (string, bool) {
	if user != testUser {
		return "", false
	}
	return digestHash(algorithm, user+":"+realm+":"+testSecret), true
}

// bindingBook is the store's part for registrations.
type bindingBook struct {
	mu   sync.Mutex
	list []call.Binding
}

func (b *bindingBook) Load() ([]call.Binding, error) { return b.list, nil }
func (b *bindingBook) Save(v call.Binding) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, v)
	return nil
}
func (b *bindingBook) Remove(string, string) error { return nil }

// dialogBook is the store's part for dialogs.
type dialogBook struct {
	mu   sync.Mutex
	live map[string]call.Dialog
}

func (b *dialogBook) Put(d call.Dialog) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.live[d.Leg] = d
	return nil
}

func (b *dialogBook) Remove(leg string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.live, leg)
	return nil
}

func (b *dialogBook) all() (out []call.Dialog) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range b.live {
		out = append(out, d)
	}
	return out
}

// A peer is a telephone made of a socket and text: nothing of the code under test reads or
// writes its messages.
type peer struct {
	t    *testing.T
	conn net.Conn // UDP connected to the server, or TCP, or TLS
	at   netip.AddrPort
	buf  []byte // TCP: what has been read
	left []message
	auto func(message) bool // takes messages that the test does not wait for; nil: none
}

// A message is one as it stood on the wire.
type message struct {
	start string
	head  []string
	body  string
}

func (m message) get(name string) string {
	if all := m.all(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

func (m message) all(name string) (out []string) {
	for _, l := range m.head {
		if n, v, ok := strings.Cut(l, ":"); ok && strings.EqualFold(n, name) {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}

// code is the status of an answer, 0 for a request.
func (m message) code() int {
	f := strings.Fields(m.start)
	if len(f) < 2 || f[0] != "SIP/2.0" {
		return 0
	}
	n, _ := strconv.Atoi(f[1])
	return n
}

func (m message) method() string {
	if m.code() != 0 {
		_, method, _ := strings.Cut(m.get("CSeq"), " ")
		return method
	}
	method, _, _ := strings.Cut(m.start, " ")
	return method
}

func (m message) tag(name string) string {
	_, tag, _ := strings.Cut(m.get(name), ";tag=")
	tag, _, _ = strings.Cut(tag, ";")
	return tag
}

func (m message) String() string { return m.start + " [" + m.get("CSeq") + "]" }

func readText(b string) message {
	head, body, _ := strings.Cut(b, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	return message{start: lines[0], head: lines[1:], body: body}
}

// peerAt opens a peer with an address of its own that sends to the server's address.
func peerAt(t *testing.T, network, from string, to netip.AddrPort) *peer {
	t.Helper()
	d := net.Dialer{}
	secure := network == "tls"
	if secure {
		network = "tcp"
	}
	if network == "udp" {
		d.LocalAddr = &net.UDPAddr{IP: net.ParseIP(from)}
	} else {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.Dial(network, to.String())
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // who the server is, is asked in tls_test.go
	}
	t.Cleanup(func() { _ = c.Close() })
	p := &peer{t: t, conn: c, at: netip.MustParseAddrPort(c.LocalAddr().String())}
	return p
}

// network is how the peer speaks, as Via says it.
func (p *peer) network() string {
	if _, secure := p.conn.(*tls.Conn); secure {
		return "TLS"
	}
	return strings.ToUpper(p.conn.LocalAddr().Network())
}

// listener is where a side listens.
func (h *house) listener(sd side, network string) netip.AddrPort {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range h.udp {
		if network == "udp" && u.side == sd {
			return u.at
		}
	}
	for _, l := range h.tcp {
		if l.network() == network && l.side == sd {
			return l.at
		}
	}
	h.t.Fatalf("there is no %s listener for %s", network, sd)
	return netip.AddrPort{}
}

func (h *house) carrier() *peer { return peerAt(h.t, "udp", "127.0.0.1", h.trunk) }

func (p *peer) send(text string) {
	p.t.Helper()
	if _, err := p.conn.Write([]byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

// read is the next message, false if none came in time.
func (p *peer) read(wait time.Duration) (message, bool) {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(wait))
	if p.conn.LocalAddr().Network() == "udp" {
		b := make([]byte, 65536)
		for {
			n, err := p.conn.Read(b)
			if err != nil {
				return message{}, false
			}
			if len(bytes.TrimSpace(b[:n])) > 0 {
				return readText(string(b[:n])), true
			}
		}
	}
	for {
		if m, ok := p.whole(); ok {
			return m, true
		}
		b := make([]byte, 65536)
		n, err := p.conn.Read(b)
		if err != nil {
			return message{}, false
		}
		p.buf = append(p.buf, b[:n]...)
	}
}

// whole takes one message off what TCP has brought.
func (p *peer) whole() (message, bool) {
	p.buf = bytes.TrimLeft(p.buf, "\r\n")
	end := bytes.Index(p.buf, []byte("\r\n\r\n"))
	if end < 0 {
		return message{}, false
	}
	m := readText(string(p.buf[:end+4]))
	n, _ := strconv.Atoi(m.get("Content-Length"))
	if len(p.buf) < end+4+n {
		return message{}, false
	}
	m.body = string(p.buf[end+4 : end+4+n])
	p.buf = p.buf[end+4+n:]
	return m, true
}

// want is the next message that fits, kept apart from those that do not.
func (p *peer) want(what string, fits func(message) bool) message {
	p.t.Helper()
	for i, m := range p.left {
		if fits(m) {
			p.left = append(p.left[:i:i], p.left[i+1:]...)
			return m
		}
	}
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		m, ok := p.read(time.Until(deadline))
		if !ok {
			break
		}
		if p.auto != nil && p.auto(m) {
			continue
		}
		if fits(m) {
			return m
		}
		p.left = append(p.left, m)
	}
	p.t.Fatalf("%s did not come; instead %v", what, p.left)
	return message{}
}

// answer waits for an answer to a method; 0 takes any final one.
func (p *peer) answer(method string, code int) message {
	p.t.Helper()
	return p.want(fmt.Sprintf("%d to %s", code, method), func(m message) bool {
		return m.code() != 0 && m.method() == method && (m.code() == code || code == 0 && m.code() >= 200)
	})
}

// request waits for a request of the server.
func (p *peer) request(method string) message {
	p.t.Helper()
	return p.want(method, func(m message) bool { return m.code() == 0 && m.method() == method })
}

// quiet says that nothing comes for a while.
func (p *peer) quiet(for_ time.Duration) {
	p.t.Helper()
	if m, ok := p.read(for_); ok {
		p.t.Fatalf("silence was due, this came: %v", m)
	}
}

// A caller's call as its telephone sees it.
type outCall struct {
	p                            *peer
	id, from, to, target, branch string
	contact                      string
	seq                          int
	extra                        string
	sdp, kind                    string
}

var callCount struct {
	sync.Mutex
	n int
}

// dials prepares a call from a carrier's peer to 919.
func (p *peer) dials() *outCall {
	callCount.Lock()
	callCount.n++
	n := callCount.n
	callCount.Unlock()
	c := &outCall{
		p: p, id: fmt.Sprintf("call-%d@test", n), seq: 1, branch: fmt.Sprintf("z9hG4bKb%d", n),
		from: fmt.Sprintf("<sip:+000123456789@127.0.0.1>;tag=f%d", n), to: "<sip:919@127.0.0.1>",
		target: "sip:919@127.0.0.1", sdp: sdpFor(40000, "sendrecv"), kind: "application/sdp",
	}
	c.contact = fmt.Sprintf("<sip:caller@%s>", p.at)
	return c
}

func sdpFor(port int, direction string) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=%s\r\n", port, direction)
}

// text writes a request of the call.
func (c *outCall) text(method, branch, extra, kind, body string) string {
	network := c.p.network()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;rport;branch=%s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: %s\r\n%s",
		method, c.target, network, c.p.at, branch, c.from, c.to, c.id, c.seq, method, c.contact, extra)
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", kind)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

func (c *outCall) invite() string {
	return c.text("INVITE", c.branch, c.extra, c.kind, c.sdp)
}
func (c *outCall) cancel() string { return c.text("CANCEL", c.branch, "", "", "") }

// took fills in what the 200 brought.
func (c *outCall) took(ok message) {
	c.to = ok.get("To")
	contact := ok.get("Contact")
	c.target = strings.Trim(contact, "<>")
}

func (c *outCall) ack(body string) string {
	return c.text("ACK", c.branch+"ack", "", "application/sdp", body)
}

// again is a later request in the dialog.
func (c *outCall) again(method, extra, kind, body string) string {
	c.seq++
	return c.text(method, fmt.Sprintf("%s-%d", c.branch, c.seq), extra, kind, body)
}

// served sends the call's INVITE and takes its leg.
func (h *house) served(c *outCall) *leg {
	h.t.Helper()
	c.p.send(c.invite())
	return next(h.t, h.legs)
}

// answer has the call of a leg answered and acknowledged.
func (h *house) answer(c *outCall, l *leg) {
	h.t.Helper()
	if err := l.Answer(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	c.took(c.p.answer("INVITE", 200))
	c.p.send(c.ack(""))
	select {
	case <-l.acked:
	case <-time.After(patience):
		h.t.Fatal("the ACK was not seen")
	}
}

// answered is served, answered and acknowledged.
func (h *house) answered(c *outCall) *leg {
	h.t.Helper()
	l := h.served(c)
	h.answer(c, l)
	return l
}

// connect is a call as most are, answered and acknowledged.
func (h *house) connect(p *peer) (*outCall, *leg) {
	h.t.Helper()
	c := p.dials()
	return c, h.answered(c)
}
