package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// end waits for the server to close the connection.
func (p *peer) end() {
	p.t.Helper()
	for {
		_ = p.conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := p.conn.Read(make([]byte, 1000)); err != nil {
			if strings.Contains(err.Error(), "timeout") {
				p.t.Fatal("the connection stays open")
			}
			return
		}
	}
}

func TestMessagesOnAStreamHoweverItIsCut(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrierBy("tcp")
	a, b, c := p.dials(), p.dials(), p.dials()
	all := "\r\n\r\n" + a.text("OPTIONS", a.branch, "", "", "") + "\r\n" + b.invite() + c.text("OPTIONS", c.branch, "", "text/plain", "x\r\n\r\ny")
	for i := 0; i < len(all); i += 7 {
		p.send(all[i:min(i+7, len(all))])
	}
	first, third := p.answer("OPTIONS", 200), p.answer("OPTIONS", 200)
	if first.get("Call-ID") != a.id || third.get("Call-ID") != c.id {
		t.Error("answered in another order")
	}
	l := next(t, h.legs)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	ok := p.answer("INVITE", 200)
	if !strings.HasSuffix(ok.get("Contact"), ";transport=tcp>") {
		t.Errorf("Contact %q", ok.get("Contact"))
	}
	b.took(ok)
	p.send(b.ack(""))
	p.send(b.again("BYE", "", "", ""))
	p.answer("BYE", 200)
	if cause := causeOf(t, l); cause != call.CauseHangup {
		t.Errorf("cause %s", cause)
	}
}

func TestALineEndPairIsAnswered(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrierBy("tcp")
	p.send("\r\n\r\n")
	b := make([]byte, 10)
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	if n, err := p.conn.Read(b); err != nil || string(b[:n]) != "\r\n" {
		t.Errorf("%q, %v", b[:n], err)
	}
}

func TestAStreamThatCannotBeFollowedIsClosed(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"negative length": func(s string) string { return strings.Replace(s, "Content-Length: 0", "Content-Length: -1", 1) },
		"two lengths":     func(s string) string { return strings.Replace(s, "Content-Length: 0", "Content-Length: 0\r\nl: 5", 1) },
		"no length":       func(s string) string { return strings.Replace(s, "Content-Length: 0\r\n", "", 1) },
		"a giant length":  func(s string) string { return strings.Replace(s, "Content-Length: 0", "Content-Length: 99999999", 1) },
		"overflowing": func(s string) string {
			return strings.Replace(s, "Content-Length: 0", "Content-Length: 99999999999999999999", 1)
		},
		"endless nonsense": func(string) string { return strings.Repeat("x", maxStream+1) },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, nil, nil)
			p := h.carrierBy("tcp")
			c := p.dials()
			p.send(edit(c.text("OPTIONS", c.branch, "", "", "")))
			if name != "endless nonsense" {
				p.answer("OPTIONS", 400)
			}
			p.end()
		})
	}
}

func TestHowLongAConnectionMayWait(t *testing.T) {
	h := open(t, nil, func(x *timing) {
		x.FirstMessage, x.Unfinished = 200*time.Millisecond, 200*time.Millisecond
		x.StrangerIdle, x.LookAgain = 400*time.Millisecond, 50*time.Millisecond
	})
	registered := h.deskPhone("tcp")
	registered.register(200)
	began := time.Now()

	silent := h.deskPhone("tcp")
	silent.end()
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("silent: closed after %s", took)
	}
	half := h.deskPhone("tcp")
	half.send("REGISTER sip:test SIP/2.0\r\n")
	half.end()
	stranger := h.deskPhone("tcp")
	began = time.Now()
	stranger.send(stranger.text("REGISTER", "sip:test", "", ""))
	stranger.answer("REGISTER", 401)
	stranger.end()
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("stranger: closed after %s", took)
	}
	// The registered one is still there, after many looks.
	registered.send(registered.text("OPTIONS", "sip:test", "", ""))
	registered.answer("OPTIONS", 200)
}

func TestConnectionsOfStrangersAreCounted(t *testing.T) {
	h := open(t, nil, nil)
	for range strangersPerAddress {
		h.deskPhone("tcp")
	}
	eventually(t, "all are in", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.conns) == strangersPerAddress
	})
	h.deskPhone("tcp").end()
	h.deskPhoneAt("tcp", "127.0.0.3").register(200) // another address is not kept out
}

func TestAPhoneOnTCP(t *testing.T) {
	gone := make(chan string, 10)
	h := open(t, func(o *Options) {
		o.Registered = func(user string, registered, fresh bool) { gone <- fmt.Sprint(registered, fresh) }
	}, nil)
	d := h.deskPhone("tcp")
	d.register(200)
	if got := <-gone; got != "true true" {
		t.Errorf("told %q", got)
	}
	l, invite := h.ring(t, d) // over the connection of the REGISTER
	if !strings.HasPrefix(invite.get("Via"), "SIP/2.0/TCP ") || !strings.HasSuffix(invite.get("Contact"), ";transport=tcp>") {
		t.Errorf("Via %q, Contact %q", invite.get("Via"), invite.get("Contact"))
	}
	l.Hangup(call.Reason{})
	d.send(respond(d.request("BYE"), 200, "", "", ""))

	_ = d.conn.Close()
	if got := <-gone; got != "false false" {
		t.Errorf("told %q", got)
	}
	if e := failure(t, h.dial(t.Context(), call.Dial{})); e.Failure != call.Unreachable {
		t.Errorf("%v", e)
	}
}

func TestACallGoesOnOverAnotherConnection(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("tcp")
	d.register(200)
	l, _ := h.ring(t, d)
	_ = d.conn.Close()
	eventually(t, "the connection is gone", func() bool { return l.flow.tcp.gone() })
	again := h.deskPhone("tcp")
	again.register(200)
	l.Hangup(call.Reason{})
	again.request("BYE")
}

// A burst of requests is no reason to take a peer for one that does not read.
func TestABurstOnAConnection(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrierBy("tcp")
	const n = 150
	var all strings.Builder
	for range n {
		c := p.dials()
		all.WriteString(c.text("OPTIONS", c.branch, "", "", ""))
	}
	p.send(all.String())
	for range n {
		p.answer("OPTIONS", 200)
	}
}

func TestAPeerThatDoesNotRead(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrierBy("tcp")
	c := p.dials()
	p.send(c.text("OPTIONS", c.branch, "", "", ""))
	p.answer("OPTIONS", 200)
	var conn *tcpConn
	h.locked("test", func() { conn = h.conns[connKey{side: trunkSide, transport: "tcp", peer: p.at}] })
	big := []byte(strings.Repeat("x", 1<<20))
	began := time.Now()
	for !conn.gone() {
		if conn.send(big) != nil {
			break
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("held up for %s", took)
	}
	if !conn.gone() {
		t.Error("not cut off")
	}
}
