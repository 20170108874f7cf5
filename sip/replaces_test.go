package sip

import (
	"net/url"
	"strings"
	"testing"

	"hotline/call"
)

// A telephone that wants to take over a call of another: it makes no call of its own, and learns
// nothing, whatever it names.
func TestAnInviteThatReplaces(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	_, invite := h.ring(t, d)
	d.id += "-replaces"
	for _, replaces := range []string{
		invite.get("Call-ID") + ";to-tag=" + invite.tag("From") + ";from-tag=desk",
		"nothing;to-tag=1;from-tag=2", "junk",
	} {
		header := "Replaces: " + replaces + "\r\n"
		d.send(d.text("INVITE", "sip:aysel@test", header, sdpFor(40000, "sendrecv")))
		challenge := d.answer("INVITE", 401)
		d.send(d.text("INVITE", "sip:aysel@test", header+d.credentials(challenge, "INVITE", "sip:aysel@test"), sdpFor(40000, "sendrecv")))
		d.answer("INVITE", 481)
		d.send(d.text("INVITE", "sip:aysel@test", header+"Require: replaces\r\n", sdpFor(40000, "sendrecv")))
		if got := d.answer("INVITE", 420); got.get("Unsupported") != "replaces" {
			t.Errorf("%v", got.head)
		}
	}
	if len(h.phones) != 0 {
		t.Error("a call was made of it")
	}
}

// From a carrier it is a header like any other that we do not know: a citizen's call.
func TestACarriersInviteReplacesNothing(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	other, first := h.connect(p)
	c := p.dials()
	_, theirs, _ := strings.Cut(other.from, ";tag=")
	_, ours, _ := strings.Cut(other.to, ";tag=")
	c.extra = "Replaces: " + other.id + ";to-tag=" + ours + ";from-tag=" + theirs + "\r\n"
	p.send(c.invite())
	if l := next(t, h.legs); l.Info().Dialled != "919" || l.Info().Unfit != 0 {
		t.Errorf("%+v", l.Info())
	}
	if len(first.Events()) != 0 || first.phase != legAnswered {
		t.Error("the other call was touched")
	}
}

// A REFER of a call that is no more, as after a restart of ours, is no attack.
func TestAReferOfACallThatWas(t *testing.T) {
	h := open(t, nil, fastTimes)
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	l.Hangup(call.Reason{})
	d.send(respond(d.request("BYE"), 200, "", "", ""))
	h.nothingLeft(t)
	d.send(d.within(invite, 1, "REFER", "Refer-To: <sip:aysel@h>\r\n"))
	d.answer("REFER", 481)
	if n := count(t, h, "hotline_sip_security_events_total", "transfer_refused"); n != 0 {
		t.Errorf("%v security events", n)
	}
	d.send(d.text("REFER", "sip:aysel@test", "Refer-To: <sip:aysel@h>\r\n", ""))
	d.answer("REFER", 403)
	if n := count(t, h, "hotline_sip_security_events_total", "transfer_refused"); n != 1 {
		t.Errorf("%v security events, want one", n)
	}
}

// The tags of a telephone's call, used by somebody on the trunk side.
func TestAReferByTheOtherDoor(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	p := h.carrier()
	p.send(d.within(invite, 1, "REFER", "Refer-To: <sip:aysel@h>\r\n"))
	p.answer("REFER", 403)
	if len(l.Events()) != 0 {
		t.Errorf("acted on: %+v", <-l.Events())
	}
}

// Who is meant, in all the ways that Refer-To may be written.
func TestReferToIsReadWhole(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	for i, x := range []struct{ header, to string }{
		{"Refer-To: <sip:aysel@h>", "aysel"},
		{"r: \"A, B\" <sip:aysel@h;transport=tcp>;x=y", "aysel"},
		{"Refer-To: sip:general@192.0.2.1:5060", "general"},
		{"Refer-To: <sips:+994125550100@h;user=phone>", "+994125550100"},
		{"Refer-To: <sip:+994125550100;phone-context=x@h>", "+994125550100"},
		{"Refer-To: <tel:+994-12-555-01-00>", "+994-12-555-01-00"},
		{"Refer-To: <sip:aysel@h;method=INVITE>", "aysel"},
		{"Refer-To: <sip:ays%C9%99l@h>", "aysəl"},
		{"Refer-To: <sip:aysel@h;method=BYE>", ""},
		{"Refer-To: <sip:aysel@h;method=MESSAGE>", ""},
		{"Refer-To: *", ""},
	} {
		want := 202
		if x.to == "" {
			want = 400
		}
		d.send(d.within(invite, i+1, "REFER", x.header+"\r\nRefer-Sub: false\r\n"))
		d.answer("REFER", want)
		if want == 400 {
			continue
		}
		if e := nextEvent(t, l); e.Transfer == nil || e.Transfer.To != x.to {
			t.Errorf("%s: %+v", x.header, e.Transfer)
		}
	}
	d.quiet(quietTime)
}

func TestReplacesOnlyWhileItRings(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	_, invite := h.ring(t, d)
	consult, id, theirs, ours := h.consults(t, d)
	value := url.QueryEscape(id + ";to-tag=" + ours + ";from-tag=" + theirs + ";early-only")
	d.send(d.within(invite, 1, "REFER", "Refer-To: <sip:aysel@h?Replaces="+value+">\r\n"))
	d.answer("REFER", 202)
	d.notified()
	if status, _, _ := d.notified(); status != "SIP/2.0 486 Busy Here" {
		t.Errorf("told %q", status)
	}
	consult.Hangup(call.Reason{})
}
