package sip

import (
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// lines are the m-lines of a description.
func lines(sdp string) (out []string) {
	for l := range strings.Lines(sdp) {
		if strings.HasPrefix(l, "m=") {
			out = append(out, strings.TrimSpace(l))
		}
	}
	return out
}

// An offer of ours in a call has a line for each line of theirs, in its order, and their number for keys.
func TestLaterOffersKeepTheLines(t *testing.T) {
	const theirs = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 40100 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n" +
		"m=audio 40000 RTP/AVPF 8 96\r\na=rtpmap:96 telephone-event/8000\r\n"
	h := open(t, nil, quick)
	p := h.carrier()
	c := p.dials()
	c.sdp = theirs
	l := h.served(c)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	ok := p.answer("INVITE", 200)
	c.took(ok)
	p.send(c.ack(""))
	<-l.acked
	check := func(what string, m message, version uint64, direction string) {
		t.Helper()
		got := lines(m.body)
		if len(got) != 2 || !strings.HasPrefix(got[0], "m=video 0 RTP/AVP 97") || !strings.HasPrefix(got[1], "m=audio ") || !strings.HasSuffix(got[1], " RTP/AVPF 8 0 96") {
			t.Errorf("%s offers %q", what, got)
		}
		if v := versionSDP([]byte(m.body)); v != version || !strings.Contains(m.body, direction) {
			t.Errorf("%s: version %d, want %d, in %q", what, v, version, m.body)
		}
	}
	begin := versionSDP([]byte(ok.body))
	done := asks(l, true)
	invite := p.request("INVITE")
	check("our hold", invite, begin+1, "a=sendonly")
	p.send(respond(invite, 200, "", "", strings.Replace(theirs, "m=video 40100", "m=video 0", 1)+"a=recvonly\r\n"))
	ackOf(p, invite)
	if err := told(t, done); err != nil {
		t.Fatal(err)
	}
	p.send(c.again("INVITE", "", "", "")) // asked for an offer, we make the same again
	again := p.answer("INVITE", 200)
	check("our 200", again, begin+1, "a=sendonly")
	p.send(c.text("ACK", c.branch+"again", "", "application/sdp", strings.Replace(theirs, "m=video 40100", "m=video 0", 1)+"a=recvonly\r\n"))
}

// timed has a call with a session timer of 120 s (240 ms here), refreshed by us.
func (h *house) timed(p *peer, allow string) (*outCall, *leg) {
	h.t.Helper()
	c := p.dials()
	c.extra = allow + "Supported: timer\r\nSession-Expires: 120;refresher=uas\r\n"
	p.send(c.invite())
	l := next(h.t, h.legs)
	if err := l.Answer(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	c.took(p.answer("INVITE", 200))
	p.send(c.ack(""))
	<-l.acked
	return c, l
}

// ended says whether a leg is over.
func (h *house) ended(l *leg) (over bool) {
	h.locked("test", func() { over = l.phase == legOver })
	return over
}

const takesUpdate = "Allow: INVITE, UPDATE\r\n"

// slower are quick times with a second of 10 ms, so that a late machine expires no session.
func slower(x *timing) {
	quick(x)
	x.Second = 10 * time.Millisecond
}

func TestARefreshThatSaysNothingOfTimersIsASignOfLife(t *testing.T) {
	h := open(t, nil, slower)
	p := h.carrier()
	_, l := h.timed(p, takesUpdate)
	for range 4 { // 2.4 s, twice the interval
		p.send(respond(p.request("UPDATE"), 200, "", "", ""))
	}
	if h.ended(l) {
		t.Error("the call ended although every refresh was answered")
	}
}

func TestAPeerThatGivesUpTimersIsLeftAlone(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c := p.dials()
	c.extra = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n"
	l := h.answered(c)
	p.send(c.again("UPDATE", "", "", "")) // what stands between has changed, and knows no timers
	if got := p.answer("UPDATE", 200).get("Session-Expires"); got != "" {
		t.Errorf("Session-Expires %q", got)
	}
	time.Sleep(300 * time.Millisecond) // longer than the interval of 180 ms
	if h.ended(l) {
		t.Error("the call ended of a timer that nobody keeps")
	}
}

func TestARefreshThatIsRefusedIsTriedOtherwise(t *testing.T) {
	h := open(t, nil, slower)
	p := h.carrier()
	_, l := h.timed(p, takesUpdate)
	p.send(respond(p.request("UPDATE"), 501, "", "", ""))
	invite := p.request("INVITE")
	h.locked("test", func() {
		if string(l.sent) != invite.body {
			t.Errorf("a refresh says something new: %q", invite.body)
		}
	})
	p.send(respond(invite, 488, "", "", ""))
	ackOf(p, invite)
	invite = p.request("INVITE") // the offer is left to the peer
	if invite.body != "" {
		t.Errorf("offers %q", invite.body)
	}
	e := ear(t)
	ok := respond(invite, 200, "", "Session-Expires: 120;refresher=uac\r\n", sdpFor(portOf(e), "sendrecv"))
	p.send(ok)
	number, _, _ := strings.Cut(invite.get("CSeq"), " ")
	isACK := func(m message) bool { return m.method() == "ACK" && m.get("CSeq") == number+" ACK" }
	ack := p.want("the ACK", isACK)
	if !strings.Contains(ack.body, "m=audio") {
		t.Errorf("the offer of the 200 is answered by %q", ack.body)
	}
	hears(t, e)
	p.send(ok) // the ACK was lost
	if again := p.want("the ACK again", isACK); again.body != ack.body {
		t.Errorf("answered again by %q", again.body)
	}
	invite = p.request("INVITE")
	p.send(respond(invite, 200, "", "Session-Expires: 120;refresher=uac\r\n", "")) // it has nothing to say
	ackOf(p, invite)
	p.request("INVITE")
	if h.ended(l) {
		t.Error("the call ended")
	}
}

func TestARefreshDoesNotUndoAHoldUnderWay(t *testing.T) {
	h := open(t, nil, slower)
	p := h.carrier()
	_, l := h.timed(p, "")
	done := asks(l, true)
	ours := p.request("INVITE")
	h.locked("test", l.timer.refresh) // it is due just now
	p.send(respond(ours, 200, "", "", sdpFor(40000, "recvonly")))
	ackOf(p, ours)
	if err := told(t, done); err != nil {
		t.Error(err)
	}
	if refresh := p.request("INVITE"); !strings.Contains(refresh.body, "a=sendonly") {
		t.Errorf("the refresh says %q", refresh.body)
	}
}

func TestAChangeThatIsPutOff(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	_, l := h.connect(p)
	done := asks(l, true)
	p.send(respond(p.request("INVITE"), 500, "", "Retry-After: 3\r\n", ""))
	again := p.want("the second", func(m message) bool { return m.method() == "INVITE" && m.code() == 0 && m.get("CSeq") == "2 INVITE" })
	p.send(respond(again, 200, "", "", sdpFor(40000, "recvonly")))
	if err := told(t, done); err != nil {
		t.Error(err)
	}
	done = asks(l, false)
	p.send(respond(p.request("INVITE"), 500, "", "Retry-After: 3000\r\n", ""))
	if told(t, done) == nil {
		t.Error("an hour is not a while")
	}
}

func TestAChangeThatIsNeverAnswered(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c, l := h.connect(p)
	done := asks(l, true)
	ours := p.request("INVITE")
	p.send(respond(ours, 180, "", "", ""))
	cancel := p.request("CANCEL")
	p.send(respond(cancel, 200, "", "", ""))
	p.send(respond(ours, 487, "", "", ""))
	ackOf(p, ours)
	if told(t, done) == nil {
		t.Error("agreed")
	}
	p.send(c.again("INVITE", "", "application/sdp", sdpFor(40002, "sendrecv"))) // the dialog is free again
	p.answer("INVITE", 200)
	l.Hangup(call.Reason{})
	p.send(c.text("ACK", c.branch+"late", "", "", ""))
	p.request("BYE")
}

func TestAPeerThatWantsEverLongerSessions(t *testing.T) {
	h := open(t, nil, slower)
	p := h.carrier()
	_, l := h.connect(p)
	done := asks(l, true)
	p.send(respond(p.request("INVITE"), 422, "", "Min-SE: 2000\r\n", ""))
	second := p.want("the longer one", func(m message) bool { return m.method() == "INVITE" && m.get("Min-SE") == "2000" })
	p.send(respond(second, 422, "", "Min-SE: 2001\r\n", ""))
	if told(t, done) == nil {
		t.Error("agreed")
	}
}

// Routes of RFC 3261 (lr) and of RFC 2543, which want themselves in the request line (§12.2.1.1, §16.12.1.2).
func TestRequestsGoThroughTheRoutes(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	at := p.at.String()
	for _, x := range []struct {
		name, record string
		line         string // of our request
		routes       []string
	}{
		{"loose", "<sip:a@" + at + ";lr>, <sip:b.example;lr>", "sip:caller@" + at, []string{"<sip:a@" + at + ";lr>", "<sip:b.example;lr>"}},
		{"loose, with more in it", "<sip:" + at + ";transport=udp;lr=on>;x=y", "sip:caller@" + at, []string{"<sip:" + at + ";transport=udp;lr=on>;x=y"}},
		{"strict", "<sip:a@" + at + ">, <sip:b.example;lr>", "sip:a@" + at, []string{"<sip:b.example;lr>", "<sip:caller@" + at + ">"}},
		{"a strict one behind", "<sip:a@" + at + ";lr>, <sip:b.example>", "sip:caller@" + at, []string{"<sip:a@" + at + ";lr>", "<sip:b.example>"}},
		{"lr in the headers only", "<sip:a@" + at + "?x=;lr>", "sip:a@" + at + "?x=;lr", []string{"<sip:caller@" + at + ">"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := p.dials()
			c.extra = "Record-Route: " + x.record + "\r\n"
			l := h.answered(c)
			asks(l, true)
			invite := p.request("INVITE")
			p.send(respond(invite, 200, "", "Record-Route: <sip:evil.example;lr>\r\n", sdpFor(40000, "recvonly"))) // routes never change (§12.2.1.2)
			ack := p.want("the ACK", func(m message) bool { return m.method() == "ACK" })
			l.Hangup(call.Reason{})
			bye := p.request("BYE")
			p.send(respond(bye, 200, "", "", ""))
			for _, m := range []message{invite, ack, bye} {
				if got := strings.Fields(m.start)[1]; got != x.line || strings.Join(m.all("Route"), " ") != strings.Join(x.routes, " ") {
					t.Errorf("%s %s by %q, want %s by %q", m.method(), got, m.all("Route"), x.line, x.routes)
				}
			}
		})
	}
}

// A called telephone's routes stand the other way round (RFC 3261 §12.1.2).
func TestRoutesOfACalledTelephone(t *testing.T) {
	h := open(t, nil, quick)
	d := h.deskPhone("udp")
	d.register(200)
	got := h.dial(t.Context(), call.Dial{Call: "c"})
	invite := d.request("INVITE")
	d.send(respond(invite, 200, "desk", "Record-Route: <sip:far.example;lr>\r\nRecord-Route: <sip:near.example;lr>\r\nContact: <sip:anar@192.0.2.9>\r\n", sdpFor(40000, "sendrecv")))
	ack := d.request("ACK")
	if routes := strings.Join(ack.all("Route"), " "); routes != "<sip:near.example;lr> <sip:far.example;lr>" {
		t.Errorf("Route %q", routes)
	}
	if r := <-got; r.err != nil {
		t.Error(r.err)
	}
}
