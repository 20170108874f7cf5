package sip

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// An exchange is a carrier that waits for connections of ours.
type exchange struct {
	t    *testing.T
	ln   net.Listener
	at   netip.AddrPort
	came chan net.Conn
}

// exchangeAt listens, over TLS if config is given. silent: it accepts and does nothing, not even TLS.
func exchangeAt(t *testing.T, host string, config *tls.Config) *exchange {
	t.Helper()
	ln, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	e := &exchange{t: t, ln: ln, at: netip.MustParseAddrPort(ln.Addr().String()), came: make(chan net.Conn, 100)}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if config != nil {
				c = tls.Server(c, config)
			}
			e.came <- c
		}
	}()
	return e
}

// next is the next connection that came, as a peer.
func (e *exchange) next() *peer {
	e.t.Helper()
	select {
	case c := <-e.came:
		e.t.Cleanup(func() { _ = c.Close() })
		return &peer{t: e.t, conn: c, at: e.at}
	case <-time.After(patience):
		e.t.Fatal("no connection came")
		return nil
	}
}

// inquire asks the target and gives the code that came of it.
func (h *house) inquire(to target) chan int {
	got := make(chan int, 1)
	h.locked("test", func() {
		f, err := h.reach(to)
		if err != nil {
			got <- -1
			return
		}
		o := outgoing{method: "OPTIONS", target: "sip:" + to.at.String(), from: "<sip:a@b>;tag=t", to: "<sip:c@d>", callID: newToken(), seq: 1,
			extra: []string{"Contact: <" + h.contactURI(f) + ">"}}
		h.ask(f, o, func(r *response) { got <- r.StatusCode }, func(code int) { got <- code })
	})
	return got
}

func codeOf(t *testing.T, from chan int) int {
	t.Helper()
	select {
	case c := <-from:
		return c
	case <-time.After(patience):
		t.Fatal("it came to no end")
		return 0
	}
}

func TestAConnectionToACarrier(t *testing.T) {
	theirs := newAuthority(t)
	wrongName, wrongAuthority, good := theirs.pair("other.example"), newAuthority(t).pair("sip.carrier.example"), theirs.pair("sip.carrier.example")
	ours := newAuthority(t)
	h := open(t, func(o *Options) {
		ours.overTLS(o)
		o.Trunks.Carriers[0].TLS = CarrierTLS{CA: theirs.file, Name: "sip.carrier.example"}
	}, fastTimes)
	for name, c := range map[string]struct {
		config *tls.Config
		code   int
	}{
		"over TCP":                           {nil, 200},
		"over TLS":                           {&tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.pool()}, 200},
		"whose certificate has another name": {&tls.Config{Certificates: []tls.Certificate{wrongName}}, 503},
		"whose certificate is of another authority":  {&tls.Config{Certificates: []tls.Certificate{wrongAuthority}}, 503},
		"that wants a certificate we do not have":    {&tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: theirs.pool()}, 503},
		"that speaks only what is no longer allowed": {&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			e := exchangeAt(t, "127.0.0.1", c.config)
			to := target{transport: "tcp", at: e.at, trunk: "carrier"}
			if c.config != nil {
				to.transport = "tls"
			}
			got := h.inquire(to)
			p := e.next()
			if c.code != 200 {
				_, _ = p.read(patience) // lets the handshake come to its end
				if code := codeOf(t, got); code != c.code {
					t.Errorf("%d", code)
				}
				return
			}
			m := p.request("OPTIONS")
			at := h.listener(trunkSide, to.transport).String()
			if !strings.HasPrefix(m.get("Via"), "SIP/2.0/"+strings.ToUpper(to.transport)+" "+at+";") || m.get("Contact") != "<sip:hotline@"+at+";transport="+to.transport+">" {
				t.Errorf("Via %q, Contact %q", m.get("Via"), m.get("Contact"))
			}
			p.send(respond(m, 200, "x", "", ""))
			if code := codeOf(t, got); code != 200 {
				t.Errorf("%d", code)
			}
			got = h.inquire(to) // by the same connection
			p.send(respond(p.request("OPTIONS"), 200, "x", "", ""))
			if code := codeOf(t, got); code != 200 || len(e.came) > 0 {
				t.Errorf("%d, %d more connections", code, len(e.came))
			}
		})
	}
}

func TestACarrierThatIsNotReached(t *testing.T) {
	h := open(t, newAuthority(t).overTLS, func(x *timing) { x.Connect = 2 * time.Second })
	closed := exchangeAt(t, "127.0.0.1", nil)
	_ = closed.ln.Close()
	silent := exchangeAt(t, "127.0.0.1", nil) // TLS is never answered
	began := time.Now()
	a, b := h.inquire(target{transport: "tcp", at: closed.at, trunk: "carrier"}), h.inquire(target{transport: "tls", at: silent.at, trunk: "carrier"})
	if took := time.Since(began); took > h.times.Connect/2 {
		t.Errorf("the lock was held for %s", took)
	}
	if code := codeOf(t, a); code != 503 {
		t.Errorf("closed: %d", code)
	}
	if code := codeOf(t, b); code != 503 {
		t.Errorf("silent: %d", code)
	}
	eventually(t, "nothing is left of them", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.conns) == 0 && len(h.clientTxs) == 0
	})
	if code := codeOf(t, h.inquire(target{transport: "udp", at: netip.MustParseAddrPort("[::1]:5060"), trunk: "carrier"})); code != -1 {
		t.Errorf("a family that no socket has: %d", code)
	}
}

// Two carriers behind one address have a connection each, and each its own certificate.
func TestTwoCarriersAtOneAddress(t *testing.T) {
	h := open(t, func(o *Options) {
		o.Trunks.Carriers = append(o.Trunks.Carriers, Carrier{Name: "second", From: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}})
	}, nil)
	e := exchangeAt(t, "127.0.0.1", nil)
	for _, trunk := range []string{"carrier", "second"} {
		got := h.inquire(target{transport: "tcp", at: e.at, trunk: trunk})
		p := e.next()
		p.send(respond(p.request("OPTIONS"), 200, "x", "", ""))
		if code := codeOf(t, got); code != 200 {
			t.Errorf("%d", code)
		}
		// What comes by it is that carrier's, wherever it comes from.
		c := p.dials()
		p.send(c.invite())
		if l := next(t, h.legs); l.Info().Trunk != trunk {
			t.Errorf("a call of %q", l.Info().Trunk)
		}
	}
}

func TestLineEndsKeepAConnectionAlive(t *testing.T) {
	h := open(t, nil, func(x *timing) {
		fastTimes(x)
		x.Ping, x.Pong = time.Second, 900*time.Millisecond
	})
	e := exchangeAt(t, "127.0.0.1", nil)
	to := target{transport: "tcp", at: e.at, trunk: "carrier"}
	h.inquire(to)
	p := e.next()
	p.send(respond(p.request("OPTIONS"), 200, "x", "", ""))
	p.buf = nil
	b := make([]byte, 100)
	for range 3 {
		_ = p.conn.SetReadDeadline(time.Now().Add(patience))
		if n, err := p.conn.Read(b); err != nil || string(b[:n]) != "\r\n\r\n" {
			t.Fatalf("%q, %v", b[:n], err)
		}
		p.send("\r\n")
	}
	p.end() // and when it is answered no longer
	eventually(t, "it is forgotten", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.conns) == 0
	})
	h.inquire(to)
	e.next().request("OPTIONS")
}

// The connection of a call has died: the BYE goes where the carrier's Contact leads, over TLS if
// the call was begun so.
func TestACallOfACarrierGoesOnOverANewConnection(t *testing.T) {
	for _, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			theirs := newAuthority(t)
			h := open(t, func(o *Options) {
				newAuthority(t).overTLS(o)
				o.Trunks.Carriers[0].TLS.CA = theirs.file
			}, nil)
			var config *tls.Config
			var p *peer
			if transport == "tls" {
				cert := theirs.pair("sip.carrier.example")
				config = &tls.Config{Certificates: []tls.Certificate{cert}}
				var err error
				if p, err = h.secured(trunkSide, &tls.Config{InsecureSkipVerify: true, Certificates: config.Certificates}); err != nil {
					t.Fatal(err)
				}
			} else {
				h.SetCarriers([]Carrier{{Name: "carrier", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}})
				p = h.carrierBy("tcp")
			}
			e := exchangeAt(t, "127.0.0.1", config)
			c := p.dials()
			c.contact = "<sip:caller@" + e.at.String() + ">"
			l := h.answered(c)
			_ = p.conn.Close()
			eventually(t, "the connection is gone", func() bool { return l.flow.tcp.gone() })
			l.Hangup(call.Reason{})
			again := e.next()
			bye := again.request("BYE")
			if !strings.HasPrefix(bye.get("Via"), "SIP/2.0/"+strings.ToUpper(transport)+" ") {
				t.Errorf("Via %q", bye.get("Via"))
			}
			again.send(respond(bye, 200, "", "", ""))
			eventually(t, "the dialog is gone", func() bool { return len(h.dialog.all()) == 0 })
		})
	}
}

// The connection of a call dies while the BYE is on its way: it is sent once more, and where it was heard by one who
// has ended the call before he could answer, that is the end, too.
func TestAByeOutlivesItsConnection(t *testing.T) {
	for _, code := range []int{200, 481} {
		h := open(t, nil, nil)
		h.SetCarriers([]Carrier{{Name: "carrier", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}})
		e := exchangeAt(t, "127.0.0.1", nil)
		p := h.carrierBy("tcp")
		c := p.dials()
		c.contact = "<sip:caller@" + e.at.String() + ">"
		l := h.answered(c)
		l.Hangup(call.Reason{})
		first := p.request("BYE")
		_ = p.conn.Close()
		again := e.next()
		bye := again.request("BYE")
		if bye.get("Call-ID") != first.get("Call-ID") || bye.get("CSeq") == first.get("CSeq") {
			t.Errorf("CSeq %s, then %s", first.get("CSeq"), bye.get("CSeq"))
		}
		again.send(respond(bye, code, "", "", ""))
		eventually(t, "the dialog is gone", func() bool { return len(h.dialog.all()) == 0 })
	}
}

// A BYE that no connection takes is given up.
func TestAByeThatNobodyTakes(t *testing.T) {
	h := open(t, nil, nil)
	h.SetCarriers([]Carrier{{Name: "carrier", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}})
	e := exchangeAt(t, "127.0.0.1", nil)
	p := h.carrierBy("tcp")
	c := p.dials()
	c.contact = "<sip:caller@" + e.at.String() + ">"
	l := h.answered(c)
	_ = e.ln.Close()
	l.Hangup(call.Reason{})
	p.request("BYE")
	_ = p.conn.Close()
	eventually(t, "the dialog is gone", func() bool { return len(h.dialog.all()) == 0 })
}

// A proxy that changes from UDP to TCP writes so in its Record-Route.
func TestARouteThatChangesTheTransport(t *testing.T) {
	h := open(t, nil, nil)
	e := exchangeAt(t, "127.0.0.1", nil)
	p := h.carrier()
	c := p.dials()
	c.extra = "Record-Route: <sip:" + e.at.String() + ";transport=tcp;lr>\r\n"
	l := h.answered(c)
	l.Hangup(call.Reason{})
	bye := e.next().request("BYE")
	if bye.get("Route") != "<sip:"+e.at.String()+";transport=tcp;lr>" || !strings.HasPrefix(bye.get("Via"), "SIP/2.0/TCP ") {
		t.Errorf("Route %q, Via %q", bye.get("Route"), bye.get("Via"))
	}
}

// The answer to an INVITE whose connection is gone goes to where its Via leads (RFC 3261 §18.2.2).
func TestAnAnswerFindsAnotherWay(t *testing.T) {
	h := open(t, nil, nil)
	e := exchangeAt(t, "127.0.0.1", nil)
	p := h.carrierBy("tcp")
	c := p.dials()
	c.contact = "<sip:caller@" + e.at.String() + ">"
	p.send(strings.Replace(c.invite(), "TCP "+p.at.String(), "TCP "+e.at.String(), 1))
	l := next(t, h.legs)
	_ = p.conn.Close()
	eventually(t, "the connection is gone", func() bool { return l.flow.tcp.gone() })
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := e.next()
	c.took(again.answer("INVITE", 200))
	again.send(c.ack(""))
	<-l.acked
	l.Hangup(call.Reason{})
	again.request("BYE") // by the connection that lives
}

// A registration is made again when its connection is gone: the carrier may know no other way.
func TestARegistrationOutlivesItsConnection(t *testing.T) {
	e := exchangeAt(t, "127.0.0.1", nil)
	open(t, func(o *Options) {
		c := &o.Trunks.Carriers[0]
		c.To = []Host{{Host: e.at.Addr().String(), Port: e.at.Port(), Transport: "tcp"}}
		c.Register = Account{User: "hotline", Password: "secret", Expires: time.Hour}
	}, func(x *timing) { x.Second = 50 * time.Millisecond })
	for range 3 {
		p := e.next()
		p.send(respond(p.request("REGISTER"), 200, "x", "Expires: 3600\r\n", ""))
		_ = p.conn.Close()
	}
}

// An orphan of a carrier's connection that died with the process.
func TestAnOrphanOverTCP(t *testing.T) {
	e := exchangeAt(t, "127.0.0.1", nil)
	h := open(t, nil, fastTimes)
	d := call.Dialog{
		Leg: "l", Call: "c", SIPCallID: "orphan", LocalTag: "a", RemoteTag: "b", LocalURI: "<sip:919@x>", RemoteURI: "<sip:caller@y>",
		Target: "sip:caller@" + e.at.String() + ";transport=tcp", LocalSeq: 1, Transport: "tcp",
		Remote: netip.MustParseAddrPort("127.0.0.1:1"), Local: h.listener(trunkSide, "tcp"), Role: call.RoleCaller,
	}
	done := make(chan int, 1)
	go func() { done <- h.ByeOrphans(t.Context(), []call.Dialog{d}) }()
	p := e.next()
	p.send(respond(p.request("BYE"), 200, "", "", ""))
	if n := codeOf(t, done); n != 1 {
		t.Errorf("%d BYEs", n)
	}
}
