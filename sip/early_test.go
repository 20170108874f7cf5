package sip

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// ear is a place where sound may arrive.
func ear(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// hears says that sound of ours arrives.
func hears(t *testing.T, c *net.UDPConn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 2000)); err != nil {
		t.Fatalf("no sound: %v", err)
	}
}

func portOf(c *net.UDPConn) int { return c.LocalAddr().(*net.UDPAddr).Port }

// The line answers while the peer's answer to our early offer is still on its way.
func TestAnAnswerThatWaitsForThePrackTakesItsSound(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c := p.dials()
	c.sdp, c.extra = "", "Require: 100rel\r\n"
	l := h.served(c)
	l.Ring()
	offer := p.answer("INVITE", 180)
	answered := make(chan error, 1)
	go func() { answered <- l.Answer(t.Context()) }()
	for waiting := false; !waiting; {
		h.locked("test", func() { waiting = l.settled != nil })
		time.Sleep(time.Millisecond)
	}
	e := ear(t)
	p.send(c.prack(offer, "", sdpFor(portOf(e), "sendrecv")))
	p.answer("PRACK", 200)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	p.answer("INVITE", 200)
	hears(t, e)
}

func TestReliableAnswersWaitForEachOther(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c := p.dials()
	c.extra = "Require: 100rel\r\n"
	l := h.served(c)
	l.Ring()
	first := p.answer("INVITE", 180)
	if err := l.Progress(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.send(c.prack(first, "", sdpFor(40020, "sendrecv"))) // an offer, where the first is not answered
	p.answer("PRACK", 488)
	second := p.answer("INVITE", 183)
	if got := second.all("Contact"); len(got) != 1 {
		t.Errorf("Contact %q", got)
	}
	if !strings.Contains(second.body, "m=audio") {
		t.Errorf("183 with %q", second.body)
	}
	p.send(c.again("UPDATE", "", "application/sdp", sdpFor(40020, "sendrecv")))
	p.answer("UPDATE", 500) // it has not said that it knows our answer
	p.send(c.prack(second, "", ""))
	p.answer("PRACK", 200)
	if err := l.Progress(t.Context()); err != nil {
		t.Fatal(err)
	}
	third := p.want("the third", func(m message) bool {
		return m.code() == 183 && m.get("RSeq") != "" && m.get("RSeq") != second.get("RSeq")
	})
	if third.body != "" {
		t.Errorf("the answer was said already: %q", third.body)
	}
	p.send(c.prack(third, "", sdpFor(40022, "sendrecv"))) // an offer of its own, now that it may
	if ok := p.answer("PRACK", 200); !strings.Contains(ok.body, "m=audio") {
		t.Errorf("the offer in PRACK is answered by %q", ok.body)
	}
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ok := p.answer("INVITE", 200); ok.body != "" {
		t.Errorf("the 200 has %q, which the peer must take for an error or ignore", ok.body)
	}
	h.locked("test", func() {
		if l.remote.Addr.Port() != 40022 {
			t.Errorf("sound goes to %v", l.remote.Addr)
		}
	})
}

// While our offer in a reliable answer is open, theirs crosses it.
func TestAnUpdateThatCrossesOurEarlyOffer(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c := p.dials()
	c.sdp, c.extra = "", "Require: 100rel\r\n"
	p.send(c.invite())
	next(t, h.legs).Ring()
	c.took(p.answer("INVITE", 180))
	p.send(c.again("UPDATE", "", "application/sdp", sdpFor(40020, "sendrecv")))
	p.answer("UPDATE", 491)
}

// inDialog writes a request of the called telephone in the dialog that its tag began.
func (d *deskPhone) inDialog(invite message, tag, method string, seq int, sdp string) string {
	kind := ""
	if sdp != "" {
		kind = "Content-Type: application/sdp\r\n"
	}
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s%s%d\r\nMax-Forwards: 70\r\nFrom: %s;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:early@192.0.2.9>\r\n%sContent-Length: %d\r\n\r\n%s",
		method, strings.Trim(invite.get("Contact"), "<>"), d.at, tag, method, seq, invite.get("To"), tag, invite.get("From"),
		invite.get("Call-ID"), seq, method, kind, len(sdp), sdp)
}

func TestAnEarlyDialogTakesUpdates(t *testing.T) {
	for _, x := range []struct {
		name, ok string // the description in the 2xx
		update   bool
		want     int
	}{
		{"the answer was early", "", false, 40030},
		{"the answer was early, and an UPDATE after it", "", true, 40032},
		{"the 2xx repeats the early answer, which an UPDATE has changed", sdpFor(40030, "sendrecv"), true, 40032},
		{"the 2xx says something new", sdpFor(40034, "sendrecv"), false, 40034},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := open(t, nil, quick)
			d := h.deskPhone("udp")
			d.register(200)
			got := h.dial(t.Context(), call.Dial{Call: "c"})
			invite := d.request("INVITE")
			d.send(respond(invite, 180, "desk", "Contact: <sip:anar@192.0.2.9>\r\n", ""))
			d.send(d.inDialog(invite, "desk", "UPDATE", 1, sdpFor(40036, "sendrecv")))
			d.answer("UPDATE", 491) // our offer is open
			d.send(d.inDialog(invite, "desk", "BYE", 2, ""))
			d.answer("BYE", 481)
			d.send(respond(invite, 183, "desk", "Contact: <sip:anar@192.0.2.9>\r\nRequire: 100rel\r\nRSeq: 7\r\n", sdpFor(40030, "sendrecv")))
			d.send(respond(d.request("PRACK"), 200, "", "", ""))
			if x.update {
				d.send(d.inDialog(invite, "desk", "UPDATE", 3, sdpFor(40032, "sendrecv")))
				if ok := d.answer("UPDATE", 200); !strings.Contains(ok.body, "m=audio") {
					t.Errorf("UPDATE is answered by %q", ok.body)
				}
			}
			d.send(respond(invite, 200, "desk", "Contact: <sip:anar@192.0.2.9>\r\n", x.ok))
			d.request("ACK")
			r := <-got
			if r.err != nil {
				t.Fatal(r.err)
			}
			l := r.leg.(*leg)
			h.locked("test", func() {
				if int(l.remote.Addr.Port()) != x.want {
					t.Errorf("sound goes to %v, want %d", l.remote.Addr, x.want)
				}
				if len(h.dialogs) != 1 || h.dialogs[l.key()] != l {
					t.Errorf("%d dialogs", len(h.dialogs))
				}
			})
			d.send(d.inDialog(invite, "desk", "OPTIONS", 1, "")) // the early dialog's numbers go on
			d.answer("OPTIONS", 500)
			d.send(d.inDialog(invite, "desk", "BYE", 4, ""))
			d.answer("BYE", 200)
		})
	}
}

func TestEarlyDialogsEndWithTheInvite(t *testing.T) {
	h := open(t, nil, quick)
	d := h.deskPhone("udp")
	d.register(200)
	got := h.dial(t.Context(), call.Dial{Call: "c"})
	invite := d.request("INVITE")
	for i := range maxForks + 4 {
		d.send(respond(invite, 180, fmt.Sprintf("fork%d", i), "Contact: <sip:anar@192.0.2.9>\r\n", ""))
	}
	d.send(respond(invite, 486, "fork1", "", ""))
	if e := failure(t, got); e.Failure != call.Busy {
		t.Errorf("%+v", e)
	}
	h.locked("test", func() {
		if n := len(h.dialogs); n != 0 {
			t.Errorf("%d early dialogs are left", n)
		}
	})
	d.send(d.inDialog(invite, "fork1", "UPDATE", 1, ""))
	d.answer("UPDATE", 481)
}

// Sound before the answer, on a leg that we dial: who wants to hear it is given it once.
func TestSoundBeforeTheAnswerOfWhomWeCall(t *testing.T) {
	h := open(t, nil, quick)
	d := h.deskPhone("udp")
	d.register(200)
	told := make(chan call.Leg, 8)
	g := &dialing{s: h.Server, result: make(chan rang, 1), early: func(l call.Leg) { told <- l }}
	forks := h.prepare(call.Dial{Call: "c", User: testUser})
	h.locked("dial", func() { g.begin(forks) })
	invite := d.request("INVITE")
	first, second := ear(t), ear(t)
	early := func(port int) {
		d.send(respond(invite, 183, "desk", "Contact: <sip:anar@192.0.2.9>\r\n", sdpFor(port, "sendrecv")))
	}
	early(portOf(first))
	l := <-told
	hears(t, first)
	early(portOf(first)) // again: nobody is told twice
	d.send(respond(invite, 200, "desk", "Contact: <sip:anar@192.0.2.9>\r\n", sdpFor(portOf(second), "sendrecv")))
	d.request("ACK")
	leg, err := (<-g.result).out()
	if err != nil || leg != l {
		t.Fatalf("answered by %v, %v", leg, err)
	}
	hears(t, second)
	if len(told) != 0 {
		t.Error("told twice")
	}
}

// What listens to early sound is of another room: its bug ends no call.
func TestAPanicOverEarlySoundEndsNoCall(t *testing.T) {
	h := open(t, nil, quick)
	d := h.deskPhone("udp")
	d.register(200)
	g := &dialing{s: h.Server, result: make(chan rang, 1), early: func(call.Leg) { panic("a bug") }}
	forks := h.prepare(call.Dial{Call: "c", User: testUser})
	h.locked("dial", func() { g.begin(forks) })
	invite := d.request("INVITE")
	e := ear(t)
	d.send(respond(invite, 183, "desk", "Contact: <sip:anar@192.0.2.9>\r\n", sdpFor(40000, "sendrecv")))
	d.send(respond(invite, 200, "desk", "Contact: <sip:anar@192.0.2.9>\r\n", sdpFor(portOf(e), "sendrecv")))
	d.request("ACK")
	if _, err := (<-g.result).out(); err != nil {
		t.Fatal(err)
	}
	hears(t, e)
	if n := count(t, h, "hotline_panics_recovered_total", ""); n != 1 {
		t.Errorf("%v panics counted", n)
	}
}
