package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// quick are times for tests of sessions: a second of a session timer is 2 ms, a unit of glare 1 ms.
func quick(x *timing) {
	fastTimes(x)
	x.Glare, x.Second, x.Ringing, x.Reminder = time.Millisecond, 2*time.Millisecond, 400*time.Millisecond, 150*time.Millisecond
}

// asks has the leg hold its peer, or resume, in the background.
func asks(l *leg, on bool) chan error {
	done := make(chan error, 1)
	go func() { done <- l.Hold(context.Background(), on) }()
	return done
}

// told is what Hold returned.
func told(t *testing.T, from chan error) error {
	t.Helper()
	select {
	case err := <-from:
		return err
	case <-time.After(patience):
		t.Fatal("Hold did not return")
		return nil
	}
}

// ackOf waits for the ACK of a request of the server and compares its number.
func ackOf(p *peer, invite message) {
	p.t.Helper()
	number, _, _ := strings.Cut(invite.get("CSeq"), " ")
	p.want("the ACK of "+number, func(m message) bool { return m.method() == "ACK" && m.get("CSeq") == number+" ACK" })
}

func TestWeHoldAndTakeBack(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	_, l := h.connect(p)
	for _, x := range []struct {
		on                   bool
		direction, answering string
	}{{true, "a=sendonly", "recvonly"}, {false, "a=sendrecv", "sendrecv"}} {
		done := asks(l, x.on)
		invite := p.request("INVITE")
		if !strings.Contains(invite.body, x.direction) {
			t.Errorf("our offer is %q, not %s", invite.body, x.direction)
		}
		p.send(respond(invite, 200, "", "Contact: <sip:caller@"+p.at.String()+">\r\n", sdpFor(40000, x.answering)))
		ackOf(p, invite)
		if err := told(t, done); err != nil {
			t.Error(err)
		}
		p.send(respond(invite, 200, "", "", sdpFor(40000, x.answering))) // the ACK was lost
		ackOf(p, invite)
	}
	if len(l.Events()) != 0 {
		t.Errorf("what we did ourselves was told as if the peer had: %v", <-l.Events())
	}
	done := asks(l, true)
	p.send(respond(p.request("INVITE"), 606, "", "", ""))
	if told(t, done) == nil {
		t.Error("a refused hold was told as agreed")
	}
	if l.local.Hold {
		t.Error("a refused hold holds")
	}
	l.Hangup(call.Reason{})
	if err := l.Hold(t.Context(), true); !errors.Is(err, call.ErrGone) {
		t.Errorf("after the end: %v", err)
	}
}

func TestGlareIsTriedAgain(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c, l := h.connect(p)
	done := asks(l, true)
	ours := p.request("INVITE")
	p.send(c.again("INVITE", "", "application/sdp", sdpFor(40002, "sendrecv"))) // at the same time
	p.answer("INVITE", 491)
	p.send(respond(ours, 491, "", "", ""))
	ackOf(p, ours)
	ours = p.want("ours again", func(m message) bool { return m.method() == "INVITE" && m.get("CSeq") == "2 INVITE" && m.code() == 0 })
	p.send(respond(ours, 200, "", "", sdpFor(40000, "recvonly")))
	ackOf(p, ours)
	if err := told(t, done); err != nil {
		t.Error(err)
	}
}

// Between two tries of ours, a second apart here, the peer gets its way.
func TestInAPauseAfterGlareThePeerGetsItsWay(t *testing.T) {
	h := open(t, nil, func(x *timing) { quick(x); x.Glare = 5 * time.Millisecond })
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	done := asks(l, true)
	ours := d.want("our hold", func(m message) bool { return m.method() == "INVITE" && m.get("CSeq") == "2 INVITE" })
	d.send(respond(ours, 491, "", "", ""))
	ackOf(d.peer, ours)
	d.send(d.inDialog(invite, "desk", "INVITE", 1, sdpFor(40004, "sendrecv")))
	d.answer("INVITE", 200)
	d.send(d.inDialog(invite, "desk", "ACK", 1, ""))
	ours = d.want("ours again", func(m message) bool { return m.method() == "INVITE" && m.get("CSeq") == "3 INVITE" })
	d.send(respond(ours, 200, "", "", sdpFor(40004, "recvonly")))
	ackOf(d.peer, ours)
	if err := told(t, done); err != nil {
		t.Error(err)
	}
	h.locked("test", func() {
		if l.remote.Addr.Port() != 40004 {
			t.Errorf("sound goes to %v", l.remote.Addr)
		}
	})
}

func TestGlareWithoutEndIsGivenUp(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	_, l := h.connect(p)
	done := asks(l, true)
	for range mostGlare + 1 {
		p.send(respond(p.request("INVITE"), 491, "", "", ""))
	}
	if told(t, done) == nil {
		t.Error("agreed")
	}
	if l.phase != legAnswered {
		t.Error("the call ended of it")
	}
}

// RFC 3261 §14.1: the side that made the call waits 2.1 to 4 s, the other up to 2 s.
func TestTheOwnerOfTheCallWaitsLonger(t *testing.T) {
	s := &Server{times: defaultTiming()}
	owner, other := &leg{s: s}, &leg{s: s, invite: &serverTx{}}
	for range 1000 {
		if d := owner.glare(); d < 2100*time.Millisecond || d > 4*time.Second || d%(10*time.Millisecond) != 0 {
			t.Fatalf("the owner waits %v", d)
		}
		if d := other.glare(); d < 0 || d > 2*time.Second || d%(10*time.Millisecond) != 0 {
			t.Fatalf("the other waits %v", d)
		}
	}
}

func TestAPeerThatForgotTheDialogHasLeft(t *testing.T) {
	for _, code := range []int{481, 408} {
		h := open(t, nil, quick)
		p := h.carrier()
		_, l := h.connect(p)
		asks(l, true)
		p.send(respond(p.request("INVITE"), code, "", "", ""))
		p.send(respond(p.request("BYE"), 481, "", "", ""))
		if cause := causeOf(t, l); cause != call.CauseFailed {
			t.Errorf("%d: cause %s", code, cause)
		}
	}
}

func TestUpdateHoldsAndResumes(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c, l := h.connect(p)
	p.send(c.again("UPDATE", "", "application/sdp", sdpFor(40000, "sendonly")))
	if ok := p.answer("UPDATE", 200); !strings.Contains(ok.body, "a=recvonly") {
		t.Errorf("answered by %q", ok.body)
	}
	if e := nextEvent(t, l); e.Kind != call.LegHeld {
		t.Errorf("event %s", e.Kind)
	}
	c.contact = "<sip:moved@" + p.at.String() + ">"
	p.send(c.again("UPDATE", "", "application/sdp", sdpFor(40002, "sendrecv")))
	p.answer("UPDATE", 200)
	if e := nextEvent(t, l); e.Kind != call.LegResumed {
		t.Errorf("event %s", e.Kind)
	}
	p.send(c.again("UPDATE", "", "", "")) // a mere sign of life
	if ok := p.answer("UPDATE", 200); ok.body != "" {
		t.Errorf("an answer to no offer: %q", ok.body)
	}
	p.send(c.again("UPDATE", "", "application/sdp", "v=0\r\nm=image 4 udptl t38\r\nc=IN IP4 127.0.0.1\r\n"))
	p.answer("UPDATE", 488)

	done := asks(l, true) // ours is open: theirs must wait
	ours := p.request("INVITE")
	if !strings.HasPrefix(ours.start, "INVITE sip:moved@") {
		t.Errorf("sent to %q, not to the new contact", ours.start)
	}
	p.send(c.again("UPDATE", "", "application/sdp", sdpFor(40004, "sendrecv")))
	p.answer("UPDATE", 491)
	p.send(c.again("UPDATE", "", "", "")) // without an offer nothing crosses
	p.answer("UPDATE", 200)
	p.send(respond(ours, 200, "", "", sdpFor(40002, "recvonly")))
	if err := told(t, done); err != nil {
		t.Error(err)
	}
}

func TestUpdateBeforeTheAnswer(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c := p.dials()
	l := h.served(c)
	l.Ring()
	c.took(p.answer("INVITE", 180))
	p.send(c.again("UPDATE", "", "application/sdp", sdpFor(40000, "sendrecv")))
	if got := p.answer("UPDATE", 500); got.get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	p.send(c.again("UPDATE", "", "", ""))
	p.answer("UPDATE", 200)
}

// prack acknowledges a reliable answer of the server.
func (c *outCall) prack(reliable message, extra, sdp string) string {
	c.took(reliable)
	return c.again("PRACK", fmt.Sprintf("RAck: %s 1 INVITE\r\n%s", reliable.get("RSeq"), extra), "application/sdp", sdp)
}

func TestRingingIsAcknowledgedWhereThePeerWants(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c := p.dials()
	c.extra = "Require: 100rel\r\n"
	l := h.served(c)
	l.Ring()
	first := p.answer("INVITE", 180)
	if first.get("RSeq") == "" || !strings.Contains(first.get("Require"), "100rel") {
		t.Fatalf("not reliable: %v", first.head)
	}
	if again := p.answer("INVITE", 180); again.get("RSeq") != first.get("RSeq") {
		t.Errorf("RSeq %s, then %s", first.get("RSeq"), again.get("RSeq"))
	}
	c.took(first)
	p.send(c.again("PRACK", "RAck: 77 1 INVITE\r\n", "", ""))
	p.answer("PRACK", 481)
	p.send(c.again("PRACK", "RAck: nonsense\r\n", "", ""))
	p.answer("PRACK", 481)
	p.send(c.prack(first, "", ""))
	p.answer("PRACK", 200)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.answer("INVITE", 200)
	seq := c.seq
	c.seq = 1
	p.send(c.ack(""))
	c.seq = seq
	<-l.acked
	p.send(c.again("BYE", "", "", ""))
	p.answer("BYE", 200)
}

func TestNoPrackEndsTheCall(t *testing.T) {
	h := open(t, nil, fastTimes)
	p := h.carrier()
	c := p.dials()
	c.extra = "Require: 100rel\r\n"
	l := h.served(c)
	l.Ring()
	p.answer("INVITE", 504)
	if cause := causeOf(t, l); cause != call.CauseNoACK {
		t.Errorf("cause %s", cause)
	}
}

func TestSoundBeforeTheAnswer(t *testing.T) {
	for _, x := range []struct{ name, extra string }{
		{"unreliable", ""}, {"supported", "Supported: 100rel\r\n"}, {"required", "Require: 100rel\r\n"},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := open(t, nil, quick)
			p := h.carrier()
			c := p.dials()
			c.extra = x.extra
			l := h.served(c)
			if err := l.Progress(t.Context()); err != nil {
				t.Fatal(err)
			}
			early := p.answer("INVITE", 183)
			if !strings.Contains(early.body, "m=audio") {
				t.Fatalf("183 with %q", early.body)
			}
			if reliable := early.get("RSeq") != ""; reliable != (x.extra != "") {
				t.Errorf("reliable %v", reliable)
			}
			answered := make(chan error, 1)
			go func() { answered <- l.Answer(t.Context()) }()
			if x.extra != "" {
				select {
				case <-answered:
					t.Error("answered before the description was acknowledged (RFC 3262 §5)")
				case <-time.After(30 * time.Millisecond):
				}
				p.send(c.prack(early, "", ""))
				p.answer("PRACK", 200)
				// Now the early session is settled and may be changed.
				p.send(c.again("UPDATE", "", "application/sdp", sdpFor(40008, "sendrecv")))
				p.answer("UPDATE", 200)
			}
			if err := <-answered; err != nil {
				t.Fatal(err)
			}
			if ok := p.answer("INVITE", 200); ok.body != "" && !sameButOrigin([]byte(ok.body), []byte(early.body)) {
				t.Errorf("the 200 describes something else:\n%s\n%s", early.body, ok.body)
			}
		})
	}
}

func TestTheOfferMayComeInAReliableAnswer(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c := p.dials()
	c.sdp, c.extra = "", "Require: 100rel\r\n"
	l := h.served(c)
	l.Ring()
	offer := p.answer("INVITE", 180)
	if !strings.Contains(offer.body, "m=audio") {
		t.Fatalf("no offer in the first reliable answer (RFC 3262 §5): %q", offer.body)
	}
	p.send(c.prack(offer, "", sdpFor(40010, "sendrecv")))
	p.answer("PRACK", 200)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ok := p.answer("INVITE", 200); ok.body != "" {
		t.Errorf("a second offer: %q", ok.body)
	}
	if l.remote.Addr.Port() != 40010 {
		t.Errorf("sound goes to %v", l.remote.Addr)
	}
}

func TestReliableAnswersOfAPhoneAreAcknowledgedInOrder(t *testing.T) {
	h := open(t, nil, quick)
	d := h.deskPhone("udp")
	d.register(200)
	got := h.dial(t.Context(), call.Dial{Call: "c"})
	invite := d.request("INVITE")
	if !strings.Contains(invite.get("Supported"), "100rel") {
		t.Errorf("Supported %q", invite.get("Supported"))
	}
	reliable := func(code, number int, sdp string) {
		d.send(respond(invite, code, "desk", fmt.Sprintf("Contact: <sip:anar@192.0.2.9>\r\nRequire: 100rel\r\nRSeq: %d\r\n", number), sdp))
	}
	reliable(180, 41, "")
	first := d.request("PRACK")
	d.send(respond(first, 200, "", "", ""))
	if first.get("RAck") != "41 1 INVITE" || first.get("CSeq") != "2 PRACK" || first.tag("To") != "desk" {
		t.Errorf("PRACK %v", first.head)
	}
	reliable(183, 43, "") // 42 was lost: not acknowledged
	reliable(183, 42, sdpFor(40012, "sendrecv"))
	second := d.request("PRACK")
	if second.get("RAck") != "42 1 INVITE" || second.get("CSeq") != "3 PRACK" {
		t.Errorf("PRACK %v", second.head)
	}
	d.send(respond(second, 200, "", "", ""))
	d.send(respond(invite, 200, "desk", "Contact: <sip:anar@192.0.2.9>\r\n", "")) // the answer has been
	ack := d.request("ACK")
	if ack.get("CSeq") != "1 ACK" {
		t.Errorf("ACK %v", ack.head)
	}
	r := <-got
	if r.err != nil {
		t.Fatal(r.err)
	}
	l := r.leg.(*leg)
	if l.remote.Addr.Port() != 40012 {
		t.Errorf("sound goes to %v", l.remote.Addr)
	}
	l.Hangup(call.Reason{})
	if bye := d.request("BYE"); bye.get("CSeq") != "4 BYE" {
		t.Errorf("BYE %v", bye.head)
	}
}

func TestSessionTimers(t *testing.T) {
	t.Run("the peer refreshes", func(t *testing.T) {
		h := open(t, nil, quick)
		p := h.carrier()
		c := p.dials()
		c.extra = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n"
		l := h.served(c)
		if err := l.Answer(t.Context()); err != nil {
			t.Fatal(err)
		}
		ok := p.answer("INVITE", 200)
		if ok.get("Session-Expires") != "90;refresher=uac" || !strings.Contains(ok.get("Require"), "timer") {
			t.Errorf("200 says %q, Require %q", ok.get("Session-Expires"), ok.get("Require"))
		}
		c.took(ok)
		p.send(c.ack(""))
		for range 4 { // each within its 120 ms: alive for longer than one interval
			p.send(c.again("UPDATE", "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n", "", ""))
			if got := p.answer("UPDATE", 200).get("Session-Expires"); got != "90;refresher=uac" {
				t.Errorf("UPDATE says %q", got)
			}
			time.Sleep(60 * time.Millisecond)
		}
		// No more of them: BYE, with its reason.
		if bye := p.request("BYE"); !strings.Contains(bye.get("Reason"), "cause=408") {
			t.Errorf("Reason %q", bye.get("Reason"))
		}
		if cause := causeOf(t, l); cause != call.CauseFailed {
			t.Errorf("cause %s", cause)
		}
	})
	t.Run("we refresh by INVITE, and by UPDATE where the peer takes it", func(t *testing.T) {
		for allow, method := range map[string]string{"": "INVITE", "Allow: INVITE, UPDATE\r\n": "UPDATE"} {
			h := open(t, nil, quick)
			p := h.carrier()
			c := p.dials()
			c.extra = allow + "Supported: timer\r\nSession-Expires: 120\r\n"
			l := h.served(c)
			if err := l.Answer(t.Context()); err != nil {
				t.Fatal(err)
			}
			ok := p.answer("INVITE", 200)
			if ok.get("Session-Expires") != "120;refresher=uas" {
				t.Errorf("200 says %q", ok.get("Session-Expires"))
			}
			c.took(ok)
			p.send(c.ack(""))
			for range 3 {
				r := p.request(method)
				if r.get("Session-Expires") != "120;refresher=uac" {
					t.Errorf("refresh says %q", r.get("Session-Expires"))
				}
				sdp := ""
				if method == "INVITE" {
					sdp = sdpFor(40000, "sendrecv")
				}
				p.send(respond(r, 200, "", "Session-Expires: 120;refresher=uac\r\n", sdp))
				if method == "INVITE" {
					ackOf(p, r)
				}
			}
			p.send(respond(p.request(method), 481, "", "", "")) // the peer restarted
			if cause := causeOf(t, l); cause != call.CauseFailed {
				t.Errorf("cause %s", cause)
			}
		}
	})
	t.Run("too short an interval", func(t *testing.T) {
		h := open(t, nil, quick)
		p := h.carrier()
		c := p.dials()
		c.extra = "Supported: timer\r\nx: 30\r\n"
		p.send(c.invite())
		if got := p.answer("INVITE", 422); got.get("Min-SE") != "90" {
			t.Errorf("Min-SE %q", got.get("Min-SE"))
		}
	})
	t.Run("a phone that wants a longer one", func(t *testing.T) {
		h := open(t, nil, quick)
		d := h.deskPhone("udp")
		d.register(200)
		got := h.dial(t.Context(), call.Dial{Call: "c"})
		invite := d.request("INVITE")
		if invite.get("Session-Expires") != "1800" || invite.get("Min-SE") != "90" {
			t.Errorf("we ask for %q, %q", invite.get("Session-Expires"), invite.get("Min-SE"))
		}
		d.send(respond(invite, 422, "desk", "Min-SE: 3600\r\n", ""))
		invite = d.want("the second INVITE", func(m message) bool { return m.method() == "INVITE" && m.get("Min-SE") == "3600" })
		if invite.get("Session-Expires") != "3600" {
			t.Errorf("then for %q", invite.get("Session-Expires"))
		}
		d.send(respond(invite, 200, "desk", "Contact: <sip:anar@192.0.2.9>\r\nRequire: timer\r\nSession-Expires: 3600;refresher=uas\r\n", sdpFor(40000, "sendrecv")))
		if r := <-got; r.err != nil {
			t.Fatal(r.err)
		} else if l := r.leg.(*leg); l.timer.ours || l.timer.interval != 3600 {
			t.Errorf("timer %+v", l.timer)
		}
	})
}

func TestAPhoneThatRingsForEverIsGivenUp(t *testing.T) {
	h := open(t, nil, quick)
	d := h.deskPhone("udp")
	d.register(200)
	got := h.dial(t.Context(), call.Dial{Call: "c"})
	invite := d.request("INVITE")
	d.send(respond(invite, 180, "desk", "", ""))
	d.send(respond(d.request("CANCEL"), 200, "", "", ""))
	d.send(respond(invite, 487, "desk", "", ""))
	if e := failure(t, got); e.Code != 408 {
		t.Errorf("%+v", e)
	}
}

func TestAPeerIsRemindedThatItRings(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	p.send(p.dials().invite())
	l := next(t, h.legs)
	l.Ring()
	p.answer("INVITE", 180)
	p.answer("INVITE", 180)
	p.answer("INVITE", 408) // timer C: nobody decides
	if cause := causeOf(t, l); cause != call.CauseFailed {
		t.Errorf("cause %s", cause)
	}
}

func TestReasonsAreWrittenAndRead(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c, l := h.connect(p)
	p.send(c.again("BYE", "Reason: SIP;cause=200;text=\"a, b\", Q.850 ;cause=16;text=\"Terminated\"\r\n", "", ""))
	p.answer("BYE", 200)
	if all := ended(t, l); all[len(all)-1].Q850 != 16 {
		t.Errorf("events %+v", all)
	}
	_, l = h.connect(p)
	l.Hangup(call.Reason{Cause: "Q.850;cause=31\r\nEvil: yes"})
	if bye := p.request("BYE"); bye.get("Reason") != "Q.850;cause=31Evil: yes" {
		t.Errorf("BYE %v", bye.head)
	}
	p.send(p.dials().invite())
	next(t, h.legs).Hangup(call.Reason{Code: 486, Cause: "Q.850;cause=17"})
	if refused := p.answer("INVITE", 486); refused.get("Reason") != "Q.850;cause=17" {
		t.Errorf("refusal %v", refused.head)
	}
}

// Another operator has answered first: whoever is no longer wanted for that reason shows no missed call.
func TestAPhoneIsToldThatAnotherOperatorAnswered(t *testing.T) {
	for cause, want := range map[error]string{call.ErrElsewhere: elsewhere, context.Canceled: ""} {
		h := open(t, nil, nil)
		d := h.deskPhone("udp")
		d.register(200)
		ctx, cancel := context.WithCancelCause(t.Context())
		got := h.dial(ctx, call.Dial{Call: "c"})
		invite := d.request("INVITE")
		d.send(respond(invite, 180, "one", "", ""))
		cancel(cause)
		if c := d.request("CANCEL"); c.get("Reason") != want {
			t.Errorf("%v: the CANCEL has the reason %q, want %q", cause, c.get("Reason"), want)
		}
		if f := failure(t, got); f.Failure != call.Withdrawn {
			t.Errorf("%+v", f)
		}
	}
}

func TestAPhoneThatLosesIsToldThatAnotherAnswered(t *testing.T) {
	h := open(t, nil, nil)
	first, second := h.deskPhone("udp"), h.deskPhone("udp")
	second.id += "second"
	first.register(200)
	second.register(200)
	got := h.dial(t.Context(), call.Dial{Call: "c"})
	a, b := first.request("INVITE"), second.request("INVITE")
	first.send(respond(a, 180, "one", "", ""))
	second.send(respond(b, 180, "two", "", ""))
	second.send(respond(b, 200, "two", "Contact: <sip:anar@192.0.2.9>\r\n", sdpFor(40000, "sendrecv")))
	if cancel := first.request("CANCEL"); !strings.Contains(cancel.get("Reason"), `cause=200;text="Call completed elsewhere"`) {
		t.Errorf("CANCEL %v", cancel.head)
	}
	if r := <-got; r.err != nil {
		t.Error(r.err)
	}
}

// A telephone that has said nothing yet is told as soon as that is allowed, and why.
func TestAPhoneThatLosesBeforeItRings(t *testing.T) {
	h := open(t, nil, nil)
	first, second := h.deskPhone("udp"), h.deskPhone("udp")
	second.id += "second"
	first.register(200)
	second.register(200)
	got := h.dial(t.Context(), call.Dial{Call: "c"})
	a, b := first.request("INVITE"), second.request("INVITE")
	second.send(respond(b, 200, "two", "Contact: <sip:anar@192.0.2.9>\r\n", sdpFor(40000, "sendrecv")))
	if r := <-got; r.err != nil {
		t.Fatal(r.err)
	}
	first.send(respond(a, 180, "one", "", ""))
	if cancel := first.request("CANCEL"); !strings.Contains(cancel.get("Reason"), "cause=200") {
		t.Errorf("CANCEL %v", cancel.head)
	}
}
