package sip

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hotline/call"
)

// A putting is a transfer that a phone has asked for in a call, and was told 100 of.
type putting struct {
	*deskPhone
	h      *house
	l      *leg
	invite message
	seq    int
}

func (h *house) putting(t *testing.T) (*putting, *call.Transfer) {
	t.Helper()
	p := &putting{deskPhone: h.deskPhone("udp"), h: h}
	p.register(200)
	p.l, p.invite = h.ring(t, p.deskPhone)
	return p, p.refers()
}

// refers asks for a transfer and returns it as the line gets it.
func (p *putting) refers() *call.Transfer {
	p.t.Helper()
	p.seq++
	p.send(p.within(p.invite, p.seq, "REFER", "Refer-To: <sip:aysel@h>\r\n"))
	p.answer("REFER", 202)
	if status, state, _ := p.notified(); status != "SIP/2.0 100 Trying" || !strings.HasPrefix(state, "active;expires=") {
		p.t.Errorf("first told %q, %q", status, state)
	}
	return nextEvent(p.t, p.l).Transfer
}

// says sends a request in the call and wants the answer.
func (p *putting) says(method string, code int) {
	p.t.Helper()
	p.seq++
	p.send(p.within(p.invite, p.seq, method, ""))
	p.answer(method, code)
}

// A telephone that is hung up before it has heard how its transfer ended tells its user that it
// failed.
func TestOurByeComesAfterTheNews(t *testing.T) {
	t.Parallel()
	h := open(t, nil, fastTimes)
	p, x := h.putting(t)
	x.Tell(180)
	x.Tell(200)
	p.l.Hangup(call.Reason{})
	if got := causeOf(t, p.l); got != call.CauseOurs {
		t.Errorf("ended by %s", got)
	}
	for _, want := range []string{"SIP/2.0 180 Ringing", "SIP/2.0 200 OK"} {
		n := p.request("NOTIFY")
		if got := strings.TrimSpace(n.body); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		if slices.ContainsFunc(p.left, func(m message) bool { return m.method() == "BYE" }) {
			t.Errorf("BYE before the answer to %q", want)
		}
		p.send(respond(n, 200, "", "", ""))
	}
	p.send(respond(p.request("BYE"), 200, "", "", ""))
	h.nothingLeft(t)
}

// Nor does a telephone that does not listen keep a call of ours up.
func TestOurByeDoesNotWaitLong(t *testing.T) {
	t.Parallel()
	h := open(t, nil, quick)
	p, x := h.putting(t)
	x.Tell(200)
	p.l.Hangup(call.Reason{})
	bye := p.request("BYE")
	h.locked("test", func() {
		if !p.l.news.busy {
			t.Error("BYE waited until the NOTIFY was given up")
		}
	})
	p.send(respond(bye, 200, "", "", ""))
	h.nothingLeft(t) // once it is
}

// Nor does our end keep a telephone in a call.
func TestOurByeGoesBeforeTheSocketsClose(t *testing.T) {
	t.Parallel()
	h := open(t, nil, func(x *timing) { fastTimes(x); x.Second = patience })
	p, x := h.putting(t)
	x.Tell(200)
	p.l.Hangup(call.Reason{})
	p.request("NOTIFY")
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	p.request("BYE")
}

func TestTheTelephoneHangsUpBeforeOurBye(t *testing.T) {
	t.Parallel()
	h := open(t, nil, fastTimes)
	p, x := h.putting(t)
	x.Tell(200)
	p.l.Hangup(call.Reason{})
	p.says("BYE", 200)
	p.send(respond(p.request("NOTIFY"), 200, "", "", ""))
	h.nothingLeft(t)
	for m, came := p.read(quietTime); came; m, came = p.read(quietTime) {
		if m.method() == "BYE" {
			t.Fatal("a call that had ended was ended again")
		}
	}
}

// Two transfers in one call: the second is refused, and that is all that its end means.
func TestTwoTransfersAreToldApart(t *testing.T) {
	t.Parallel()
	h := open(t, nil, fastTimes)
	p, first := h.putting(t)
	second := p.refers()
	second.Tell(491)
	first.Tell(200)
	p.l.Hangup(call.Reason{})
	for _, want := range [][3]string{
		{"SIP/2.0 491 Request Pending", "terminated;reason=noresource", "refer;id=2"},
		{"SIP/2.0 200 OK", "terminated;reason=noresource", "refer"},
	} {
		var got [3]string
		got[0], got[1], got[2] = p.notified()
		if got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	p.send(respond(p.request("BYE"), 200, "", "", ""))
	h.nothingLeft(t)
}

func TestATelephoneThatDoesNotWantToKnow(t *testing.T) {
	t.Parallel()
	for _, code := range []int{405, 481, 489} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			h := open(t, nil, fastTimes)
			p, x := h.putting(t)
			x.Tell(180)
			x.Tell(200)
			p.send(respond(p.request("NOTIFY"), code, "", "", ""))
			if p.quiet(quietTime); p.l.phase != legAnswered {
				t.Errorf("%d to a NOTIFY ended the call", code)
			}
			p.l.Hangup(call.Reason{})
			p.send(respond(p.request("BYE"), 200, "", "", ""))
			h.nothingLeft(t)
		})
	}
}

func TestATransferThatNobodyTellsOfEnds(t *testing.T) {
	t.Parallel()
	h := open(t, nil, quick)
	p, x := h.putting(t)
	p.says("BYE", 200)
	if status, state, _ := p.notified(); status != "SIP/2.0 503 Service Unavailable" || state != "terminated;reason=noresource" {
		t.Errorf("at last %q, %q", status, state)
	}
	x.Tell(200)
	p.quiet(quietTime)
	h.nothingLeft(t)
}

func TestTheExpiryOfTheNewsComesNearer(t *testing.T) {
	t.Parallel()
	h := open(t, nil, func(x *timing) { quick(x); x.Second *= 20 })
	p, x := h.putting(t)
	for left := referLife; left == referLife; {
		x.Tell(180)
		_, state, _ := p.notified()
		if _, err := fmt.Sscanf(state, "active;expires=%d", &left); err != nil || left <= 0 || left > referLife {
			t.Fatalf("told %q", state)
		}
	}
}

// Who asks and never listens is not listened to either.
func TestRefersWithoutEnd(t *testing.T) {
	t.Parallel()
	h := open(t, nil, fastTimes)
	p := h.deskPhone("udp")
	p.register(200)
	l, invite := h.ring(t, p)
	codes := map[int]int{}
	for i := range 40 {
		p.send(p.within(invite, i+1, "REFER", "Refer-To: <sip:aysel@h>\r\n"))
		codes[p.answer("REFER", 0).code()]++
	}
	if codes[202] != mostNews+1 || codes[491] != 40-codes[202] {
		t.Errorf("answered %v", codes)
	}
	if l.phase != legAnswered {
		t.Error("the call ended of it")
	}
}

// A line that does not read the events of a leg is told of no transfer; the telephone is told so.
func TestNobodyReadsTheEvents(t *testing.T) {
	t.Parallel()
	h := open(t, nil, fastTimes)
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	h.locked("test", func() {
		for l.tell(call.LegEvent{Kind: call.LegHeld}) {
		}
	})
	d.send(d.within(invite, 1, "REFER", "Refer-To: <sip:aysel@h>\r\n"))
	d.answer("REFER", 202)
	d.notified()
	if status, _, _ := d.notified(); status != "SIP/2.0 503 Service Unavailable" {
		t.Errorf("told %q", status)
	}
}
