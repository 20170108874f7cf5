package sip

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// nextEvent is the next event of a leg.
func nextEvent(t *testing.T, l call.Leg) call.LegEvent {
	t.Helper()
	select {
	case e := <-l.Events():
		return e
	case <-time.After(patience):
		t.Fatal("no event")
		return call.LegEvent{}
	}
}

func TestHoldAndResume(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c, l := h.connect(p)
	for _, x := range []struct {
		sdp, direction string
		kind           call.LegEventKind
	}{
		{sdpFor(40000, "sendonly"), "a=recvonly", call.LegHeld},
		{sdpFor(40002, "sendrecv"), "a=sendrecv", call.LegResumed},
		{sdpFor(40002, "inactive"), "a=inactive", call.LegHeld},
		{strings.Replace(sdpFor(40002, "sendrecv"), "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1), "", ""},
		{sdpFor(40002, "sendrecv"), "a=sendrecv", call.LegResumed},
	} {
		p.send(c.again("INVITE", "", "application/sdp", x.sdp))
		ok := p.answer("INVITE", 200)
		if !strings.Contains(ok.body, x.direction) {
			t.Errorf("%s answered by %q", x.kind, ok.body)
		}
		p.send(c.text("ACK", c.branch+"ack", "", "", ""))
		if x.kind == "" {
			continue // held before, held now
		}
		if e := nextEvent(t, l); e.Kind != x.kind {
			t.Errorf("event %s, not %s", e.Kind, x.kind)
		}
	}
	// Each change of the description has its number, a repeat of the same offer none.
	p.send(c.again("INVITE", "", "application/sdp", sdpFor(40002, "sendrecv")))
	first := p.answer("INVITE", 200)
	p.send(c.text("ACK", c.branch+"ack", "", "", ""))
	p.send(c.again("INVITE", "", "application/sdp", sdpFor(40002, "sendrecv")))
	if second := p.answer("INVITE", 200); second.body != first.body {
		t.Errorf("the same offer was answered differently:\n%s\n%s", first.body, second.body)
	}
}

func TestAnUnusableOfferLeavesTheCallAsItWas(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c, l := h.connect(p)
	fax := "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image 40000 udptl t38\r\n"
	for _, sdp := range []string{fax, "nonsense", strings.Replace(sdpFor(40000, "sendrecv"), "8 0 101", "18", 1)} {
		p.send(c.again("INVITE", "", "application/sdp", sdp))
		refused := p.answer("INVITE", 488)
		old := c.to
		c.to = refused.get("To")
		p.send(c.text("ACK", c.branch+"-"+itoa(c.seq), "", "", ""))
		c.to = old
	}
	p.send(c.again("INVITE", "", "text/plain", "hello"))
	p.answer("INVITE", 415)
	p.send(c.again("OPTIONS", "", "", ""))
	p.answer("OPTIONS", 200)
	p.send(c.again("BYE", "", "", ""))
	p.answer("BYE", 200)
	if cause := causeOf(t, l); cause != call.CauseHangup {
		t.Errorf("cause %s", cause)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func TestOffersThatCross(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c, _ := h.connect(p)
	p.send(c.again("INVITE", "", "", "")) // without an offer: ours comes in the 200
	offer := p.answer("INVITE", 200)
	if !strings.Contains(offer.body, "RTP/AVP 8 0 101") {
		t.Errorf("our offer %q", offer.body)
	}
	ack := c.text("ACK", c.branch+"ack2", "", "application/sdp", sdpFor(40004, "sendrecv"))
	p.send(c.again("INVITE", "", "application/sdp", sdpFor(40000, "sendrecv")))
	p.answer("INVITE", 491) // our offer is not answered yet
	p.send(ack)
	p.send(c.again("INVITE", "", "application/sdp", sdpFor(40000, "sendrecv")))
	p.answer("INVITE", 200)
}

func TestASecondInviteBeforeTheFirstIsAnswered(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c := p.dials()
	l := h.served(c)
	l.Ring()
	c.took(p.answer("INVITE", 180))
	p.send(c.again("INVITE", "", "application/sdp", c.sdp))
	if got := p.answer("INVITE", 500); got.get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestTheOfferMayBeLeftToUs(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	for _, x := range []struct {
		name, answer string
		err          error
	}{
		{"answered", sdpFor(40006, "sendrecv"), nil},
		{"not answered", "", call.ErrGone},
		{"answered by nothing we know", strings.Replace(sdpFor(40000, "sendrecv"), "8 0 101", "18", 1), call.ErrGone},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := p.dials()
			c.sdp = ""
			l := h.served(c)
			done := make(chan error, 1)
			go func() { done <- l.Answer(t.Context()) }()
			c.took(p.answer("INVITE", 200))
			select {
			case err := <-done:
				t.Fatalf("answered before the ACK: %v", err)
			case <-time.After(20 * time.Millisecond):
			}
			p.send(c.ack(x.answer))
			if err := <-done; !errors.Is(err, x.err) {
				t.Errorf("answer: %v", err)
			}
			if x.err != nil {
				p.send(respond(p.request("BYE"), 200, "", "", ""))
				if cause := causeOf(t, l); cause != call.CauseFailed {
					t.Errorf("cause %s", cause)
				}
			}
		})
	}
}

func TestAnswerEndsWithItsContext(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c := p.dials()
	c.sdp = ""
	l := h.served(c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Answer(ctx) }()
	p.answer("INVITE", 200)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("answer: %v", err)
	}
}

func TestDigitsThatComeAsMessages(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c, l := h.connect(p)
	for _, x := range []struct {
		kind, body string
		digit      byte
		code       int
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5', 200},
		{"application/dtmf-relay", "Signal= #\nDuration= 250\n", '#', 200},
		{"application/dtmf-relay", "Signal=10\r\n", '*', 200},
		{"application/dtmf", "7", '7', 200},
		{"Application/DTMF", " 1\r\n", '1', 200},
		{"application/dtmf", "77", 0, 400},
		{"application/dtmf-relay", "Duration=1", 0, 400},
		{"application/media_control+xml", "<x/>", 0, 415},
	} {
		p.send(c.again("INFO", "", x.kind, x.body))
		p.answer("INFO", x.code)
		if x.digit == 0 {
			continue
		}
		select {
		case k := <-l.Audio().Keys():
			if k.Digit != x.digit {
				t.Errorf("%q became %q", x.body, k.Digit)
			}
		case <-time.After(patience):
			t.Errorf("%q became nothing", x.body)
		}
	}
	p.send(c.again("INFO", "", "", ""))
	p.answer("INFO", 200)
}

func TestOtherRequestsInACall(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c, l := h.connect(p)
	for method, code := range map[string]int{"OPTIONS": 200, "UPDATE": 200, "PRACK": 481, "REFER": 403, "NOTIFY": 405, "FOO": 501} {
		p.send(c.again(method, "", "", ""))
		p.answer(method, code)
	}
	p.send(c.again("OPTIONS", "Require: something\r\n", "", ""))
	p.answer("OPTIONS", 420)
	seq := c.seq
	c.seq = 0
	p.send(c.again("OPTIONS", "", "", "")) // an old number
	p.answer("OPTIONS", 500)
	c.seq = seq
	l.Hangup(call.Reason{})
	p.send(c.again("OPTIONS", "", "", "")) // while our BYE is on its way
	p.answer("OPTIONS", 481)
	p.send(c.again("BYE", "", "", "")) // both hang up at once
	p.answer("BYE", 200)
}

func TestSilenceOfSound(t *testing.T) {
	for _, x := range []struct {
		name    string
		answers []int // to the questions; 0: none
		lost    bool
	}{
		{"the telephone is muted", []int{200}, false},
		{"it knows OPTIONS not", []int{405}, false},
		{"it answers the second", []int{0, 200}, false},
		{"one 481, then alive", []int{481, 200}, false},
		{"it is gone", []int{0, 0}, true},
		{"it lost the call", []int{481, 481}, true},
		{"it lost it, and is gone", []int{408, 0}, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := open(t, nil, fastTimes)
			p := h.carrier()
			c, l := h.connect(p)
			began := time.Now()
			h.locked("test", l.quiet)
			seen := map[string]bool{}
			for _, code := range x.answers {
				m := p.want("OPTIONS", func(m message) bool { return m.method() == "OPTIONS" && !seen[m.get("CSeq")] })
				seen[m.get("CSeq")] = true
				if m.get("Call-ID") != c.id || m.tag("To") == "" {
					t.Error("the question is not in the dialog")
				}
				if code != 0 {
					p.send(respond(m, code, "", "", ""))
				}
			}
			if x.lost {
				if cause := causeOf(t, l); cause != call.CauseMediaLost {
					t.Errorf("cause %s", cause)
				}
				if took := time.Since(began); took < 2*h.times.Probe {
					t.Errorf("given up after %s", took)
				}
				p.request("BYE")
				return
			}
			eventually(t, "the questions are over", func() bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				return !l.probing
			})
			p.send(c.again("BYE", "", "", ""))
			p.answer("BYE", 200)
		})
	}
}

func TestAPanicEndsOneCall(t *testing.T) {
	h := open(t, func(o *Options) {
		serve := o.Serve
		o.Serve = func(ctx context.Context, l call.Leg) {
			if l.Info().From.Raw() == "000" {
				panic("planted")
			}
			serve(ctx, l)
		}
	}, nil)
	p := h.carrier()
	other, l := h.connect(p)
	c := p.dials()
	c.from = "<sip:000@h>;tag=1"
	p.send(c.invite())
	p.answer("INVITE", 500)
	if n := count(t, h, "hotline_panics_recovered_total", ""); n != 1 {
		t.Errorf("%v panics counted", n)
	}
	p.send(other.again("BYE", "", "", ""))
	p.answer("BYE", 200)
	if cause := causeOf(t, l); cause != call.CauseHangup {
		t.Errorf("cause %s", cause)
	}
}

func TestALegThatItsServiceLeavesIsHungUp(t *testing.T) {
	h := open(t, func(o *Options) {
		o.Serve = func(ctx context.Context, l call.Leg) {
			if err := l.Answer(ctx); err != nil {
				t.Error(err)
			}
		}
	}, nil)
	p := h.carrier()
	c := p.dials()
	p.send(c.invite())
	c.took(p.answer("INVITE", 200))
	p.send(c.ack(""))
	p.send(respond(p.request("BYE"), 200, "", "", ""))
}

func TestByeToTheDialogsOfADeadProcess(t *testing.T) {
	first := open(t, nil, nil)
	p := first.carrier()
	c, l := first.connect(p)
	left := first.dialog.all()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if cause := causeOf(t, l); cause != call.CauseFailed {
		t.Errorf("cause %s", cause)
	}
	second := open(t, func(o *Options) {
		o.Trunks.Listen = []string{"udp://" + first.trunk.String()}
	}, nil)
	done := make(chan int, 1)
	go func() { done <- second.ByeOrphans(t.Context(), left) }()
	bye := p.request("BYE")
	if bye.get("Call-ID") != c.id || bye.get("From") != c.to || bye.get("To") != c.from || !strings.HasPrefix(bye.start, "BYE sip:caller@"+p.at.String()) {
		t.Errorf("BYE %v %q", bye, bye.head)
	}
	p.send(respond(bye, 200, "", "", ""))
	if n := waitFor(t, done); n != 1 {
		t.Errorf("%d orphans", n)
	}
	p.send(c.again("INFO", "", "application/dtmf", "1"))
	p.answer("INFO", 481)
}
