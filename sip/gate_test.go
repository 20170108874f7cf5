package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
)

// The four tests of docs/decisions/0001 against our own sockets: 400 to what cannot be read
// from a known source, the side of each message known, a panic in a reader survived, every
// table bounded.

func TestUnreadableInputFromACarrierGets400(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			h := open(t, nil, nil)
			p := h.carrierBy(network)
			c := p.dials()
			p.send(strings.Replace(c.invite(), "Max-Forwards: 70", "Max-Forwards: 99999999999", 1))
			if got := p.answer("INVITE", 400); got.get("Call-ID") != c.id || got.tag("To") == "" {
				t.Errorf("%q", got.head)
			}
			if n := count(t, h, "hotline_sip_refusals_total", "400"); n != 1 {
				t.Errorf("counted %v times", n)
			}
		})
	}
}

// carrierBy is a carrier's peer on UDP or TCP.
func (h *house) carrierBy(network string) *peer {
	return peerAt(h.t, network, "127.0.0.1", h.listener(trunkSide, network))
}

func TestTheSideOfEachMessageIsThatOfItsSocket(t *testing.T) {
	h := open(t, func(o *Options) {
		// A carrier and a phone behind one address: only the socket tells them apart.
		o.Trunks.Carriers[0].From = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}, nil)
	carrier := h.carrier()
	register := h.deskPhoneAt("udp", "127.0.0.1").text("REGISTER", "sip:test", "", "")
	carrier.send(register)
	carrierAnswer := carrier.answer("REGISTER", 0)
	if carrierAnswer.code() != 405 {
		t.Errorf("REGISTER on the trunk side: %v", carrierAnswer)
	}
	d := h.deskPhoneAt("udp", "127.0.0.1")
	d.send(d.text("INVITE", "sip:919@test", "", sdpFor(40000, "sendrecv")))
	d.quiet(50 * time.Millisecond)
	d.register(200)
	d.send(d.text("INVITE", "sip:919@test", "", sdpFor(40000, "sendrecv")))
	d.answer("INVITE", 401)
	if len(h.legs) != 0 {
		t.Error("a phone's INVITE became a carrier's call")
	}
}

// panicUsers is somebody else's bug, reached from our reader.
type panicUsers struct{ testUsers }

func (p panicUsers) HA1(user, realm, algorithm string) (string, bool) {
	if user == "bug" {
		panic("planted")
	}
	return p.testUsers.HA1(user, realm, algorithm)
}

func TestAPanicInAReaderIsSurvived(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			core, logs := observer.New(zapcore.DebugLevel)
			h := open(t, func(o *Options) { o.Users, o.Log = panicUsers{}, zap.New(core) }, nil)
			bug := h.deskPhone(network)
			bug.user = "bug"
			bug.send(bug.text("REGISTER", "sip:test", "", ""))
			challenge := bug.answer("REGISTER", 401)
			bug.send(bug.text("REGISTER", "sip:test", bug.credentials(challenge, "REGISTER", "sip:test"), ""))
			eventually(t, "the panic is counted", func() bool { return count(t, h, "hotline_panics_recovered_total", "") == 1 })
			h.deskPhone(network).register(200)
			for _, e := range logs.All() {
				if strings.Contains(fmt.Sprint(e.ContextMap()), "planted") {
					t.Error("the panic's text is in the log")
				}
			}
		})
	}
}

func TestWhereAnAnswerGoes(t *testing.T) {
	h := open(t, nil, nil)
	// RFC 3261 §18.2.2: without rport the answer goes to the port of the Via.
	sender, listener := h.carrier(), h.carrier()
	c := sender.dials()
	text := strings.Replace(c.text("OPTIONS", c.branch, "", "", ""), ";rport", "", 1)
	sender.send(strings.Replace(text, sender.at.String(), listener.at.String(), 1))
	if via := listener.answer("OPTIONS", 200).get("Via"); strings.Contains(via, "received") {
		t.Errorf("Via %q", via)
	}
	// With an address that it did not come from, to where it did.
	sender.send(strings.Replace(strings.Replace(text, sender.at.String(), "192.0.2.9:5099", 1), c.branch, c.branch+"x", 1))
	if via := sender.answer("OPTIONS", 200).get("Via"); !strings.Contains(via, "received=127.0.0.1") {
		t.Errorf("Via %q", via)
	}
}

func TestEveryTableIsBounded(t *testing.T) {
	h := open(t, nil, nil)
	f := flow{udp: h.udp[0], peer: netip.MustParseAddrPort("127.0.0.1:9")}

	// Strangers: whatever they send, from however many addresses, leaves nothing but a count.
	junk := []string{"x", "INVITE sip:919@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:919@h>\r\nCall-ID: %d\r\nCSeq: 1 INVITE\r\n\r\n"}
	for i := range 5000 {
		a := netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)})
		text := junk[i%2]
		if i%2 == 1 {
			text = fmt.Sprintf(text, i, i)
		}
		h.datagram(flow{udp: h.udp[0], peer: netip.AddrPortFrom(a, 5060)}, []byte(text))
	}
	h.strangers.mu.Lock()
	if n := len(h.strangers.count); n > strangersKept {
		t.Errorf("%d strangers remembered", n)
	}
	h.strangers.mu.Unlock()
	h.locked("test", func() {
		if n := len(h.serverTxs) + len(h.merged) + len(h.dialogs); n != 0 {
			t.Errorf("%d entries for strangers", n)
		}
	})

	// Transactions of those who are known.
	h.locked("test", func() {
		for i := range maxTransactions {
			h.serverTxs[fmt.Sprint(i)] = &serverTx{}
			h.clientTxs[fmt.Sprint(i)] = &clientTx{}
		}
	})
	p := h.carrier()
	c := p.dials()
	p.send(c.text("OPTIONS", c.branch, "", "", ""))
	p.answer("OPTIONS", 200) // answered, without a memory
	p.send(p.dials().invite())
	p.answer("INVITE", 503)
	failed := make(chan int, 1)
	h.locked("test", func() {
		h.ask(f, outgoing{method: "OPTIONS"}, func(*response) {}, func(code int) { failed <- code })
		if len(h.serverTxs) != maxTransactions || len(h.clientTxs) != maxTransactions {
			t.Errorf("%d and %d transactions", len(h.serverTxs), len(h.clientTxs))
		}
	})
	if code := waitFor(t, failed); code != 503 {
		t.Errorf("code %d", code)
	}
	h.locked("test", func() {
		clear(h.serverTxs)
		clear(h.clientTxs)
		for i := range maxLegs {
			h.Server.legs[fmt.Sprint(i)] = &leg{}
		}
	})
	p.send(p.dials().invite())
	p.answer("INVITE", 503)
	h.locked("test", func() { clear(h.Server.legs) })

	// Routes to peers.
	for i := range 2 * advertisedPeers {
		h.hosts[trunkSide].towards(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}))
	}
	if n := len(h.hosts[trunkSide].known); n > advertisedPeers {
		t.Errorf("%d routes remembered", n)
	}
}

func TestAStrangerOnTheTrunkSide(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	h := open(t, func(o *Options) { o.Log = zap.New(core) }, nil)
	p := peerAt(t, "udp", "127.0.0.9", h.trunk)
	for range 3 {
		p.send(p.dials().invite())
	}
	c := p.dials()
	p.send(c.text("OPTIONS", c.branch, "", "", ""))
	p.send(strings.Replace(c.invite(), "INVITE sip", "INVITE <sip", 1))
	p.quiet(100 * time.Millisecond)
	if n := count(t, h, "hotline_sip_silenced_total", "trunks"); n != 5 {
		t.Errorf("%v silenced", n)
	}
	told := logs.FilterField(zap.String("admit", "sip.trunks.carriers[].from: [127.0.0.9/32]"))
	if told.Len() != 1 {
		t.Errorf("told %d times", told.Len())
	}

	tcp := h.carrierBy("tcp")
	stranger := peerAt(t, "tcp", "127.0.0.9", netip.MustParseAddrPort(tcp.conn.RemoteAddr().String()))
	if m, ok := stranger.read(patience); ok {
		t.Errorf("a stranger got %v by TCP", m)
	}
	if _, err := stranger.conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}

	// The carrier list can change while we run.
	h.SetCarriers([]Carrier{{Name: "new", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}}})
	p.send(p.dials().invite())
	if name := next(t, h.legs).Info().Trunk; name != "new" {
		t.Errorf("trunk %q", name)
	}
}

func TestACallIsKnownFromAnywhere(t *testing.T) {
	h := open(t, nil, nil)
	c, l := h.connect(h.carrier())
	elsewhere := peerAt(t, "udp", "127.0.0.8", h.trunk)
	elsewhere.send(c.again("OPTIONS", "", "", ""))
	elsewhere.answer("OPTIONS", 200)
	c.id += "x"
	elsewhere.send(c.again("OPTIONS", "", "", ""))
	elsewhere.quiet(50 * time.Millisecond)
	l.Hangup(call.Reason{})
	c.p.request("BYE") // still to the carrier, not to whoever spoke last
}

func TestNothingPrivateIsLogged(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	h := open(t, func(o *Options) { o.Log = zap.New(core) }, nil)
	p := h.carrier()
	c, l := h.connect(p)
	p.send(c.again("INFO", "", "application/dtmf-relay", "Signal=7"))
	p.answer("INFO", 200)
	p.send(strings.Replace(p.dials().invite(), "CSeq: 1", "CSeq: x", 1))
	p.answer("INVITE", 400)
	l.Hangup(call.Reason{Why: "+000123456789"})
	p.request("BYE")
	for _, e := range logs.All() {
		if text := fmt.Sprint(e.Message, e.ContextMap()); strings.Contains(text, "123456789") || strings.Contains(text, "Signal") {
			t.Errorf("logged: %s", text)
		}
	}
}

func TestRetransmissionAndAnswersAvoidTheWildcard(t *testing.T) {
	h := open(t, func(o *Options) { o.Trunks.Listen = []string{"udp://0.0.0.0:0"} }, nil)
	h.trunk = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), h.trunk.Port())
	p := h.carrier()
	c, l := h.connect(p)
	if c.target != "sip:hotline@"+h.trunk.String() {
		t.Errorf("Contact %q", c.target)
	}
	l.Hangup(call.Reason{})
	bye := p.request("BYE")
	if !strings.HasPrefix(bye.get("Via"), "SIP/2.0/UDP "+h.trunk.String()) {
		t.Errorf("Via %q", bye.get("Via"))
	}

	named := open(t, func(o *Options) { o.Trunks.Listen, o.Trunks.Advertise = []string{"udp://0.0.0.0:0"}, "198.51.100.7" }, nil)
	named.trunk = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), named.trunk.Port())
	p = named.carrier()
	p.send(p.dials().invite())
	next(t, named.legs).Answer(t.Context())
	ok := p.answer("INVITE", 200)
	if ok.get("Contact") != fmt.Sprintf("<sip:hotline@198.51.100.7:%d>", named.trunk.Port()) || !strings.Contains(ok.body, "c=IN IP4 198.51.100.7") {
		t.Errorf("Contact %q, SDP %q", ok.get("Contact"), ok.body)
	}
}

func TestPhonesBehindNATAreKeptReachable(t *testing.T) {
	h := open(t, nil, fastTimes)
	d := h.deskPhone("udp")
	d.register(200)
	_ = d.conn.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 100)
	n, err := d.conn.Read(b)
	if err != nil || string(b[:n]) != "\r\n\r\n" {
		t.Errorf("%q, %v", b[:n], err)
	}
	if defaultTiming().Pinhole > 25*time.Second {
		t.Error("too seldom")
	}
}

func TestRegistrationsSurviveARestart(t *testing.T) {
	first := open(t, nil, nil)
	d := first.deskPhone("udp")
	d.register(200)
	book := first.o.Bindings.(*bindingBook)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, func(o *Options) {
		o.Phones.Listen = []string{"udp://" + first.phone.String()}
		o.Bindings = book
	}, nil)
	if !second.Registered(testUser) {
		t.Fatal("forgotten")
	}
	second.ring(t, d)
}
