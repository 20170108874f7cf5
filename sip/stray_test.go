package sip

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"hotline/call"
)

// late is the 200 of a telephone that was rung from here by somebody who is no more.
func (d *deskPhone) late(via, id, tag string) string {
	return fmt.Sprintf("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKforgotten;rport\r\nFrom: \"919\" <sip:0@test>;tag=was-ours\r\nTo: <sip:anar@192.0.2.9>;tag=%s\r\nCall-ID: %s\r\nCSeq: 7 INVITE\r\nContact: <sip:anar@192.0.2.9:5062>\r\nContent-Length: 0\r\n\r\n", via, tag, id)
}

// An operator who picks up what a process rang that has died hears so at once.
func TestATelephoneThatWasRungBeforeARestart(t *testing.T) {
	t.Parallel()
	h := open(t, nil, fastTimes)
	d := h.deskPhone("udp")
	d.register(200)
	d.send(d.late(h.phone.String(), "of-another-life", "desk"))
	ack := d.request("ACK")
	if ack.get("CSeq") != "7 ACK" || ack.tag("From") != "was-ours" || ack.tag("To") != "desk" || ack.start != "ACK sip:anar@192.0.2.9:5062 SIP/2.0" {
		t.Errorf("%v %v", ack, ack.head)
	}
	bye := d.request("BYE")
	if bye.get("CSeq") != "8 BYE" || bye.get("Call-ID") != "of-another-life" || bye.tag("To") != "desk" {
		t.Errorf("%v %v", bye, bye.head)
	}
	d.send(respond(bye, 200, "", "", ""))
	h.nothingLeft(t)
	if h.strays != 0 {
		t.Errorf("%d strays are left", h.strays)
	}
}

// So does one who was given up, and picks up all the same.
func TestATelephoneThatAnswersWhenItWasGivenUp(t *testing.T) {
	t.Parallel()
	h := open(t, nil, fastTimes)
	d := h.deskPhone("udp")
	d.register(200)
	done := make(chan error, 1)
	go func() {
		_, err := h.Dial(t.Context(), call.Dial{Call: "c", User: testUser})
		done <- err
	}()
	invite := d.request("INVITE")
	var failed *call.DialError
	if err := <-done; !errors.As(err, &failed) || failed.Failure != call.Unreachable {
		t.Fatalf("%v", err)
	}
	h.nothingLeft(t)
	d.send(respond(invite, 200, "desk", "Contact: <sip:anar@192.0.2.9>\r\n", sdpFor(40000, "sendrecv")))
	d.request("ACK")
	d.send(respond(d.request("BYE"), 200, "", "", ""))
	h.nothingLeft(t)
}

func once(text, old, with string) string { return strings.Replace(text, old, with, 1) }

func TestAnswersThatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	h := open(t, nil, fastTimes)
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	up := d.late(h.phone.String(), invite.get("Call-ID"), "desk")
	for what, m := range map[string]string{
		"of a call that is up":      once(up, "was-ours", invite.tag("From")),
		"to a request of others":    d.late("192.0.2.77:5060", "x", "desk"),
		"a refusal":                 once(d.late(h.phone.String(), "x", "desk"), "200 OK", "486 Busy"),
		"a provisional answer":      once(d.late(h.phone.String(), "x", "desk"), "200 OK", "180 Ringing"),
		"to another method":         once(d.late(h.phone.String(), "x", "desk"), "7 INVITE", "7 OPTIONS"),
		"without a tag of its own":  once(d.late(h.phone.String(), "x", "desk"), ";tag=desk", ""),
		"without a tag of ours":     once(d.late(h.phone.String(), "x", "desk"), ";tag=was-ours", ""),
		"without From":              once(d.late(h.phone.String(), "x", "desk"), "From:", "X-From:"),
		"without Via":               once(d.late(h.phone.String(), "x", "desk"), "Via:", "X-Via:"),
		"with a Via without a port": d.late(h.phone.Addr().String(), "x", "desk"),
	} {
		d.send(m)
		if got, came := d.read(quietTime); came {
			t.Errorf("%s: %v", what, got)
		}
	}
	stranger := h.deskPhoneAt("udp", "127.0.0.9")
	stranger.send(stranger.late(h.phone.String(), "x", "desk"))
	stranger.quiet(quietTime)
	if l.phase != legAnswered {
		t.Error("the call that is up ended of it")
	}
}

// However many there are, they bring next to nothing back.
func TestStraysWithoutEnd(t *testing.T) {
	t.Parallel()
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	for i := range 2 * mostStrays {
		d.send(d.late(h.phone.String(), fmt.Sprintf("stray-%d", i), "desk"))
	}
	d.send(d.text("OPTIONS", "sip:test", "", ""))
	d.answer("OPTIONS", 200) // so all before it has been read
	ids := map[string]bool{}
	for _, m := range d.left {
		ids[m.get("Call-ID")] = true
	}
	if len(ids) != mostStrays {
		t.Errorf("%d of %d were answered, want %d", len(ids), 2*mostStrays, mostStrays)
	}
}
