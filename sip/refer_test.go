package sip

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"hotline/call"
)

// within writes a request of a phone in the dialog that an INVITE of ours has begun.
func (d *deskPhone) within(invite message, seq int, method, extra string) string {
	target := strings.Trim(invite.get("Contact"), "<>")
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK%s%d%s\r\nFrom: %s;tag=desk\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:anar@192.0.2.9>\r\n%sContent-Length: 0\r\n\r\n",
		method, target, invite.get("Call-ID"), seq, method, invite.get("To"), invite.get("From"), invite.get("Call-ID"), seq, method, extra)
}

// notified is the next status that the phone is told of.
func (d *deskPhone) notified() (status, state, event string) {
	n := d.request("NOTIFY")
	d.send(respond(n, 200, "", "", ""))
	if kind := n.get("Content-Type"); !strings.HasPrefix(kind, "message/sipfrag") {
		d.t.Errorf("NOTIFY of %q", kind)
	}
	return strings.TrimSpace(n.body), n.get("Subscription-State"), n.get("Event")
}

func TestATelephoneAsksForATransfer(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	d.send(d.within(invite, 1, "REFER", "Refer-To: <sip:ays%65l@anywhere.invalid>\r\nReferred-By: <sip:anar@h>\r\n"))
	d.answer("REFER", 202)
	if status, state, event := d.notified(); status != "SIP/2.0 100 Trying" || !strings.HasPrefix(state, "active;expires=") || event != "refer" {
		t.Errorf("first told %q, %q, %q", status, state, event)
	}
	e := nextEvent(t, l)
	if e.Kind != call.LegTransfer || e.Transfer.To != "aysel" || e.Transfer.Consult != nil {
		t.Fatalf("event %+v", e)
	}
	// Two at once: the second waits for the answer to the first.
	e.Transfer.Tell(180)
	e.Transfer.Tell(200)
	e.Transfer.Tell(486) // too late
	first := d.request("NOTIFY")
	if m, came := d.read(quietTime); came {
		t.Errorf("%v before the one before it was answered", m)
	}
	d.send(respond(first, 200, "", "", ""))
	if got := strings.TrimSpace(first.body); got != "SIP/2.0 180 Ringing" {
		t.Errorf("then %q", got)
	}
	d.send(d.within(invite, 2, "BYE", "")) // many hang up here: the news goes on
	d.answer("BYE", 200)
	if status, state, _ := d.notified(); status != "SIP/2.0 200 OK" || state != "terminated;reason=noresource" {
		t.Errorf("at last %q, %q", status, state)
	}
	d.quiet(quietTime)
}

func TestReferAgainHasANumber(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	for i, want := range []string{"refer", "refer;id=8"} {
		d.send(d.within(invite, 7+i, "REFER", "Refer-To: sip:general@h\r\n"))
		d.answer("REFER", 202)
		if _, _, event := d.notified(); event != want {
			t.Errorf("Event %q, want %q", event, want)
		}
		nextEvent(t, l).Transfer.Tell(404)
		d.notified()
	}
	d.send(d.within(invite, 9, "REFER", "Refer-To: sip:general@h\r\nRefer-Sub: false\r\nRequire: norefersub\r\n"))
	if got := d.answer("REFER", 202); got.get("Refer-Sub") != "false" {
		t.Errorf("%v", got.head)
	}
	nextEvent(t, l).Transfer.Tell(200)
	d.quiet(quietTime)
}

func TestReferIsReadStrictly(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	for i, extra := range []string{
		"", "Refer-To: <sip:a@h>\r\nRefer-To: <sip:b@h>\r\n", "Refer-To: <sip:a@h>, <sip:b@h>\r\n", "Refer-To: <sip:h>\r\n",
		"Refer-To: <mailto:a@h>\r\n", "Refer-To: <http://h>\r\n", "Refer-To: nothing\r\n",
		"Refer-To: <sip:a@h?Route=%3Csip:evil%3E>\r\n", "Refer-To: <sip:a@h?Replaces=x%3Bto-tag%3D1&Route=y>\r\n",
		"Refer-To: <sip:a@h?Replaces=x%0D%0AEvil:y>\r\n", "Refer-To: <sip:a@h?Replaces=%zz>\r\n",
		"Refer-To: <sip:" + strings.Repeat("1", maxNumber+1) + "@h>\r\n",
	} {
		d.send(d.within(invite, i+1, "REFER", extra))
		d.answer("REFER", 400)
	}
	if len(l.Events()) != 0 {
		t.Errorf("acted on: %+v", <-l.Events())
	}
}

func TestACarrierTransfersNobody(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c, l := h.connect(p)
	p.send(c.again("REFER", "Refer-To: <sip:+000666@evil.invalid>\r\n", "", ""))
	p.answer("REFER", 403)
	p.send(p.dials().text("REFER", "z9hG4bKoutside", "Refer-To: <sip:+000666@evil.invalid>\r\n", "", ""))
	p.answer("REFER", 403)
	if len(l.Events()) != 0 {
		t.Errorf("acted on: %+v", <-l.Events())
	}
}

// consults has the phone make a call of its own and returns our leg of it with the tags: theirs, ours.
func (h *house) consults(t *testing.T, d *deskPhone) (l *leg, id, theirs, ours string) {
	t.Helper()
	old := d.id
	d.id += "-consult"
	d.send(d.text("INVITE", "sip:aysel@test", "", sdpFor(40000, "sendrecv")))
	challenge := d.answer("INVITE", 401)
	d.send(d.text("INVITE", "sip:aysel@test", d.credentials(challenge, "INVITE", "sip:aysel@test"), sdpFor(40000, "sendrecv")))
	l = next(t, h.phones)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	ok := d.answer("INVITE", 200)
	d.id = old
	return l, ok.get("Call-ID"), ok.tag("From"), ok.tag("To")
}

func TestReplacesNamesTheOtherCallOfTheSamePhone(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	consult, id, theirs, ours := h.consults(t, d)
	for i, x := range []struct {
		name, replaces string
		found          bool
	}{
		{"as RFC 3891 has it", id + ";to-tag=" + ours + ";from-tag=" + theirs, true},
		{"the other way round", id + ";from-tag=" + ours + ";to-tag=" + theirs, true},
		{"this very call", invite.get("Call-ID") + ";to-tag=" + invite.tag("From") + ";from-tag=desk", false},
		{"a call that is not", "nothing;to-tag=1;from-tag=2", false},
		{"a wrong tag", id + ";to-tag=" + ours + ";from-tag=guess", false},
	} {
		d.send(d.within(invite, i+1, "REFER", "Refer-To: <sip:aysel@h?Replaces="+url.QueryEscape(x.replaces)+">\r\n"))
		d.answer("REFER", 202)
		d.notified()
		if !x.found {
			if status, _, _ := d.notified(); !strings.Contains(status, "481") {
				t.Errorf("%s: told %q", x.name, status)
			}
			continue
		}
		e := nextEvent(t, l)
		if e.Transfer == nil || e.Transfer.Consult != call.Leg(consult) {
			t.Errorf("%s: %+v", x.name, e)
			continue
		}
		e.Transfer.Tell(503)
		d.notified()
	}
	consult.Hangup(call.Reason{})
}
