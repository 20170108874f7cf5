package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// recordIn is what a description of ours says of the recording; empty: nothing.
func recordIn(m message) string {
	_, rest, _ := strings.Cut(m.body, "a=record:")
	state, _, _ := strings.Cut(rest, "\r\n")
	return state
}

// awareCall is a call of a telephone that wants to know how it is recorded.
func awareCall(p *peer) *outCall {
	c := p.dials()
	c.extra = "Supported: timer, Record-Aware\r\n"
	return c
}

// tellsPeer demands the re-INVITE that tells a state, and takes it.
func tellsPeer(t *testing.T, p *peer, want string) message {
	t.Helper()
	invite := p.request("INVITE")
	if got := recordIn(invite); got != want {
		t.Errorf("the peer was told %q, want %q", got, want)
	}
	p.send(respond(invite, 200, "", "Contact: <sip:caller@"+p.at.String()+">\r\n", sdpFor(40000, "sendrecv")))
	ackOf(p, invite)
	return invite
}

// Who wants to know is told in the answer, and by an offer whenever it changes; what is said twice is sent
// once. The offer is a new version, says the same of the sound, and holds nobody.
func TestWhoIsAwareIsToldOfTheRecording(t *testing.T) {
	for _, offer := range []string{sdpFor(40000, "sendrecv"), ""} {
		h := open(t, nil, quick)
		p := h.carrier()
		c := awareCall(p)
		if c.sdp = offer; offer == "" {
			c.kind = ""
		}
		l := h.served(c)
		l.Indicate(call.RecordOff)
		l.Indicate(call.RecordOn) // the last word before the answer
		answered := make(chan error, 1)
		go func() { answered <- l.Answer(t.Context()) }()
		ok := p.answer("INVITE", 200)
		c.took(ok)
		if got := recordIn(ok); got != "on" {
			t.Errorf("the answer says %q", got)
		}
		if strings.Contains(strings.ToLower(ok.get("Supported")), recordAware) {
			t.Errorf("we say that we are told by others: %q", ok.get("Supported"))
		}
		ack := ""
		if offer == "" {
			ack = sdpFor(40000, "sendrecv")
		}
		p.send(c.ack(ack))
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		l.Indicate(call.RecordOn)
		l.Indicate(call.RecordPaused)
		paused := tellsPeer(t, p, "paused")
		if versionSDP([]byte(paused.body)) != versionSDP([]byte(ok.body))+1 || !strings.Contains(paused.body, "a=sendrecv\r\n") {
			t.Errorf("after\n%s\nthe offer was\n%s", ok.body, paused.body)
		}
		l.Indicate(call.RecordPaused)
		l.Indicate(call.RecordOn)
		tellsPeer(t, p, "on")
		p.quiet(50 * time.Millisecond)
		done := asks(l, true)
		if hold := p.request("INVITE"); recordIn(hold) != "on" || !strings.Contains(hold.body, "a=sendonly") {
			t.Errorf("a hold says\n%s", hold.body)
		} else {
			p.send(respond(hold, 200, "", "", sdpFor(40000, "recvonly")))
			ackOf(p, hold)
		}
		if err := told(t, done); err != nil {
			t.Error(err)
		}
		l.Indicate(call.RecordOff)
		if off := tellsPeer(t, p, "off"); !strings.Contains(off.body, "a=sendonly") {
			t.Errorf("to tell of the recording took the hold back:\n%s", off.body)
		}
	}
}

// Who does not say that it wants to know is told nothing and sent nothing.
func TestWhoIsNotAwareIsToldNothing(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c := p.dials()
	l := h.served(c)
	l.Indicate(call.RecordOn)
	h.answer(c, l)
	l.Indicate(call.RecordPaused)
	p.quiet(50 * time.Millisecond)
	done := asks(l, true)
	if hold := p.request("INVITE"); recordIn(hold) != "" {
		t.Errorf("a hold says\n%s", hold.body)
	} else {
		p.send(respond(hold, 200, "", "", sdpFor(40000, "recvonly")))
		ackOf(p, hold)
	}
	if err := told(t, done); err != nil {
		t.Error(err)
	}
}

// What changes while the peer is being told is told after it, and after a glare what is so by then. A
// refusal changes nothing and ends nothing.
func TestTheLastWordOnTheRecordingWins(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c := awareCall(p)
	l := h.served(c)
	l.Indicate(call.RecordOn)
	h.answer(c, l)
	l.Indicate(call.RecordPaused)
	first := p.request("INVITE")
	l.Indicate(call.RecordOn)
	l.Indicate(call.RecordOff)
	p.send(respond(first, 491, "", "", ""))
	ackOf(p, first)
	tellsPeer(t, p, "off")
	p.quiet(50 * time.Millisecond)
	l.Indicate(call.RecordOn)
	refused := p.request("INVITE")
	p.send(respond(refused, 488, "", "", ""))
	ackOf(p, refused)
	p.quiet(50 * time.Millisecond)
	l.Indicate(call.RecordOn) // it is asked again
	tellsPeer(t, p, "on")
}

// An offer of the peer's is answered with what is so, and what it would like is noted: at the begin, and each
// change.
func TestWhatThePeerWouldLike(t *testing.T) {
	h := open(t, nil, quick)
	p := h.carrier()
	c := awareCall(p)
	c.sdp += "a=recordpref:nopreference\r\n"
	l := h.served(c)
	l.Indicate(call.RecordOn)
	h.answer(c, l)
	if got := l.Preference(); got != "nopreference" {
		t.Errorf("at first it would like %q", got)
	}
	for _, x := range []struct{ method, wish, want string }{
		{"INVITE", "a=recordpref:pause\r\n", "pause"},
		{"UPDATE", "a=RecordPref: OFF\r\n", "off"},
		{"INVITE", "a=recordpref:maybe\r\n", ""},
	} {
		p.send(c.again(x.method, "", "application/sdp", sdpFor(40000, "sendrecv")+x.wish))
		ok := p.answer(x.method, 200)
		if x.method == "INVITE" {
			p.send(c.text("ACK", c.branch+"ack"+x.want, "", "", ""))
		}
		if got := recordIn(ok); got != "on" {
			t.Errorf("the answer to its offer says %q", got)
		}
		select {
		case e := <-l.Events():
			if e.Kind != call.LegPreference || e.Preference != x.want || l.Preference() != x.want {
				t.Errorf("told %+v, want %q", e, x.want)
			}
		case <-time.After(patience):
			t.Fatalf("that it would like %q was not told", x.want)
		}
	}
	p.send(c.again("INVITE", "", "application/sdp", sdpFor(40000, "sendrecv")))
	p.answer("INVITE", 200)
	if len(l.Events()) != 0 {
		t.Errorf("the same again was told: %v", <-l.Events())
	}
}

// A phone of ours is told in the offer, since nobody knows before its answer whether it wants to know; after
// it only one that does.
func TestAPhoneIsToldOfTheRecording(t *testing.T) {
	for _, aware := range []bool{true, false} {
		h := open(t, nil, quick)
		d := h.deskPhone("udp")
		d.register(200)
		got := make(chan call.Leg, 1)
		go func() {
			l, err := h.Dial(t.Context(), call.Dial{Call: "c", User: testUser, From: "+000123456789", Record: call.RecordOn})
			if err != nil {
				t.Error(err)
			}
			got <- l
		}()
		invite := d.request("INVITE")
		if recordIn(invite) != "on" {
			t.Errorf("the offer is\n%s", invite.body)
		}
		extra := "Contact: <sip:anar@192.0.2.9>\r\n"
		if aware {
			extra += "Supported: record-aware\r\n"
		}
		d.send(respond(invite, 200, "desk", extra, sdpFor(40000, "sendrecv")+"a=recordpref:on\r\n"))
		d.request("ACK")
		l := (<-got).(*leg)
		if l.Preference() != "on" {
			t.Errorf("it would like %q", l.Preference())
		}
		l.Indicate(call.RecordOn)
		d.quiet(50 * time.Millisecond)
		l.Indicate(call.RecordPaused)
		if !aware {
			d.quiet(50 * time.Millisecond)
			continue
		}
		if again := d.request("INVITE"); recordIn(again) != "paused" {
			t.Errorf("it was told\n%s", again.body)
		} else {
			d.send(respond(again, 200, "", "", sdpFor(40000, "sendrecv")))
			ackOf(d.peer, again)
		}
	}
}

// The attribute counts for the sound, at its medium before above all media.
func TestReadingAPreference(t *testing.T) {
	head, audio, video := "v=0\r\nc=IN IP4 192.0.2.1\r\n", "m=audio 4000 RTP/AVP 8\r\n", "m=video 4002 RTP/AVP 96\r\n"
	for body, want := range map[string]string{
		head + audio:                            "",
		head + "a=recordpref:pause\r\n" + audio: "pause",
		head + "a=recordpref:pause\r\n" + audio + "a=recordpref:off\r\n":   "off",
		head + audio + video + "a=recordpref:off\r\n":                      "",
		head + "m=audio 0 RTP/AVP 8\r\na=recordpref:off\r\n" + audio:       "",
		head + audio + "a=recordpref\r\n":                                  "",
		head + audio + "a=recordpref: nopreference \r\n":                   "nopreference",
		"m=audio x RTP/AVP 8\r\na=recordpref:on\r\n":                       "",
		head + "a=recordpref:on\r\n" + audio + "a=recordpref:perhaps\r\n":  "on",
		head + "a=recordpref:on\r\na=recordpref:off\r\n" + audio + "a=x\n": "off",
	} {
		if got := preferenceOf([]byte(body)); got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
}

// An offer that is refused tells nobody anything: what is so is said by the next one.
func TestARefusedOfferIsNotTold(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE"} {
		h := open(t, nil, quick)
		p := h.carrier()
		c := p.dials() // it is aware only later
		l := h.served(c)
		l.Indicate(call.RecordOn)
		h.answer(c, l)
		p.send(c.again(method, "Supported: record-aware\r\n", "application/sdp", "v=0\r\nm=video 4002 RTP/AVP 96\r\n"))
		p.answer(method, 488)
		if method == "INVITE" {
			p.send(c.text("ACK", fmt.Sprintf("%s-%d", c.branch, c.seq), "", "", ""))
		}
		l.Indicate(call.RecordOn)
		tellsPeer(t, p, "on")
	}
}
