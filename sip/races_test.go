package sip

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/call"
)

// Races are scanned: two things are done −20 to +20 ms apart in steps of 1 ms, each step with
// telephones of its own, all steps at once. What is asserted is the outcome, never the time; the
// order that came about is counted, and each order must have been seen.

const (
	scanFrom = -20
	scanTo   = 20
)

// raceTimes are fast, but no telephone of a race is given up because the machine is busy.
func raceTimes(x *timing) {
	fastTimes(x)
	x.Provisional = 4 * time.Second
}

// An order is which of two things came first at the server.
type order struct {
	mu    sync.Mutex
	count map[string]int
}

func (o *order) saw(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.count == nil {
		o.count = map[string]int{}
	}
	o.count[what]++
}

// scan runs one race at every offset.
func scan(t *testing.T, h *house, wanted []string, race func(t *testing.T, h *house, offset time.Duration) string) {
	t.Helper()
	var seen order
	var all sync.WaitGroup
	for ms := scanFrom; ms <= scanTo; ms++ {
		all.Go(func() {
			t.Run(fmt.Sprintf("%+d ms", ms), func(t *testing.T) {
				here := *h // its own t: what fails is this offset's
				seen.saw(race(t, here.as(t), time.Duration(ms)*time.Millisecond))
			})
		})
	}
	all.Wait()
	t.Logf("orders seen: %v", seen.count)
	for _, w := range wanted {
		if seen.count[w] == 0 {
			t.Errorf("%q was never seen in %d offsets: %v", w, scanTo-scanFrom+1, seen.count)
		}
	}
	h.nothingLeft(t)
}

// as is the house as a subtest sees it.
func (h *house) as(t *testing.T) *house {
	h.t = t
	return h
}

// nothingLeft waits until no leg, dialog or transaction is left.
func (h *house) nothingLeft(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		h.mu.Lock()
		left := fmt.Sprintf("%d legs, %d dialogs, %d server and %d client transactions, %d merged",
			len(h.Server.legs), len(h.dialogs), len(h.serverTxs), len(h.clientTxs), len(h.merged))
		empty := len(h.Server.legs)+len(h.dialogs)+len(h.serverTxs)+len(h.clientTxs)+len(h.merged) == 0
		h.mu.Unlock()
		if empty {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("left are %s", left)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := count(t, h, "hotline_panics_recovered_total", ""); n != 0 {
		t.Errorf("%v panics", n)
	}
	if n := len(h.dialog.all()); n != 0 {
		t.Errorf("%d dialogs are still remembered", n)
	}
}

// apart does a at once and b so much later, or b first where that is negative, and waits for both.
func apart(offset time.Duration, a, b func()) {
	var both sync.WaitGroup
	begin := time.Now().Add(25 * time.Millisecond)
	at := func(d time.Duration, f func()) {
		both.Go(func() {
			time.Sleep(time.Until(begin.Add(d)))
			f()
		})
	}
	at(0, a)
	at(offset, b)
	both.Wait()
}

// callFrom rings the house from a number of its own, so that each offset finds its leg.
func (h *house) callFrom(p *peer) (*outCall, *leg) {
	h.t.Helper()
	c := p.dials()
	p.send(c.invite())
	return c, h.find(c.id)
}

// find waits for the leg of a Call-ID.
func (h *house) find(callID string) *leg {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		h.mu.Lock()
		for _, l := range h.Server.legs {
			if l.callID == callID {
				h.mu.Unlock()
				return l
			}
		}
		h.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	h.t.Fatal("no leg was served")
	return nil
}

func TestRaceOfCancelAndAnswer(t *testing.T) {
	h := open(t, nil, raceTimes)
	scan(t, h, []string{"answered", "cancelled"}, func(t *testing.T, h *house, offset time.Duration) string {
		p := h.carrier()
		c, l := h.callFrom(p)
		var err error
		apart(offset, func() { p.send(c.cancel()) }, func() { err = l.Answer(context.Background()) })
		p.answer("CANCEL", 200)
		final := p.answer("INVITE", 0)
		switch final.code() {
		case 487:
			p.send(strings.Replace(c.text("ACK", c.branch, "", "", ""), "To: "+c.to, "To: "+final.get("To"), 1))
			if err == nil {
				t.Error("the line was told that a cancelled call is answered")
			}
			if cause := causeOf(t, l); cause != call.CauseCancelled {
				t.Errorf("cause %s", cause)
			}
			return "cancelled"
		case 200:
			if err != nil {
				t.Errorf("the line was told %v of a call that is answered", err)
			}
			c.took(final)
			p.send(c.ack(""))
			p.send(c.again("BYE", "", "", ""))
			p.answer("BYE", 200)
			if cause := causeOf(t, l); cause != call.CauseHangup {
				t.Errorf("cause %s", cause)
			}
			return "answered"
		}
		t.Errorf("the INVITE was answered %s", final)
		return "wrong"
	})
}

func TestRaceOfTwoByes(t *testing.T) {
	h := open(t, nil, raceTimes)
	scan(t, h, []string{"ours", "theirs"}, func(t *testing.T, h *house, offset time.Duration) string {
		p := h.carrier()
		c, l := h.callFrom(p)
		h.answer(c, l)
		apart(offset, func() { p.send(c.again("BYE", "", "", "")) }, func() { l.Hangup(call.Reason{}) })
		p.answer("BYE", 200)
		switch cause := causeOf(t, l); cause {
		case call.CauseHangup:
			return "theirs"
		case call.CauseOurs:
			p.send(respond(p.request("BYE"), 200, "", "", ""))
			return "ours"
		default:
			t.Errorf("cause %s", cause)
			return "wrong"
		}
	})
}

func TestRaceOfTwoReinvites(t *testing.T) {
	h := open(t, nil, quick)
	scan(t, h, []string{"crossed", "one after the other"}, func(t *testing.T, h *house, offset time.Duration) string {
		p := h.carrier()
		c, l := h.callFrom(p)
		h.answer(c, l)
		held := make(chan error, 1)
		apart(offset,
			func() { p.send(c.again("INVITE", "", "application/sdp", sdpFor(40002, "sendrecv"))) },
			func() { go func() { held <- l.Hold(context.Background(), true) }() })
		// The peer refuses ours while its own is open, as we do; whoever is refused tries again.
		seen, open := "one after the other", true
		deadline := time.Now().Add(patience)
		for time.Now().Before(deadline) {
			m, ok := p.read(10 * time.Millisecond)
			switch {
			case !ok:
			case m.code() == 0 && m.method() == "INVITE" && open:
				seen = "crossed"
				p.send(respond(m, 491, "", "", ""))
			case m.code() == 0 && m.method() == "INVITE":
				p.send(respond(m, 200, "", "", sdpFor(40002, "recvonly")))
			case m.method() == "INVITE" && m.code() == 491:
				seen = "crossed"
				p.send(c.text("ACK", fmt.Sprintf("%s-%d", c.branch, c.seq), "", "", ""))
				time.Sleep(2 * time.Millisecond)
				p.send(c.again("INVITE", "", "application/sdp", sdpFor(40002, "sendrecv")))
			case m.method() == "INVITE" && m.code() == 200:
				p.send(c.text("ACK", fmt.Sprintf("%sa%d", c.branch, c.seq), "", "", ""))
				open = false
			}
			select {
			case err := <-held:
				if err != nil {
					t.Errorf("our hold: %v", err)
				}
				deadline = time.Now()
			default:
			}
		}
		if open {
			p.send(c.text("ACK", fmt.Sprintf("%sa%d", c.branch, c.seq), "", "", ""))
		}
		h.mu.Lock()
		if l.phase != legAnswered {
			t.Error("the call did not survive it")
		}
		h.mu.Unlock()
		p.send(c.again("BYE", "", "", ""))
		p.answer("BYE", 200)
		causeOf(t, l)
		return seen
	})
}

func TestRaceOfTwoTelephonesThatAnswer(t *testing.T) {
	h := open(t, func(o *Options) { o.Users = everybody{} }, raceTimes)
	scan(t, h, []string{"first", "second"}, func(t *testing.T, h *house, offset time.Duration) string {
		user := fmt.Sprintf("op%d", offset.Milliseconds()+100)
		var phones [2]*deskPhone
		for i := range phones {
			phones[i] = h.deskPhone("udp")
			phones[i].user = user
			phones[i].register(200)
		}
		got := make(chan outcome, 1)
		go func() {
			l, err := h.Dial(context.Background(), call.Dial{Call: "c", User: user})
			got <- outcome{l, err}
		}()
		var invites [2]message
		for i, d := range phones {
			invites[i] = d.request("INVITE")
			d.send(respond(invites[i], 180, "tag"+d.at.String(), "", ""))
		}
		answer := func(i int) func() {
			return func() {
				phones[i].send(respond(invites[i], 200, "tag"+phones[i].at.String(), "Contact: <sip:x@192.0.2.9>\r\n", sdpFor(40000, "sendrecv")))
			}
		}
		apart(offset, answer(0), answer(1))
		r := <-got
		if r.err != nil {
			t.Fatal(r.err)
		}
		l := r.leg.(*leg)
		winner := 0
		if l.info.Remote == phones[1].at {
			winner = 1
		}
		for i, d := range phones {
			d.request("ACK")
			if i != winner { // it answered too, and is let go (RFC 3261 §13.2.2.4)
				d.send(respond(d.request("BYE"), 200, "", "", ""))
			}
		}
		l.Hangup(call.Reason{})
		phones[winner].send(respond(phones[winner].request("BYE"), 200, "", "", ""))
		if cause := causeOf(t, l); cause != call.CauseOurs {
			t.Errorf("cause %s", cause)
		}
		return [...]string{"first", "second"}[winner]
	})
}

func TestRaceOfARegistrationAndAnAnswer(t *testing.T) {
	h := open(t, func(o *Options) { o.Users = everybody{} }, raceTimes)
	scan(t, h, []string{"registered first", "answered first"}, func(t *testing.T, h *house, offset time.Duration) string {
		user := fmt.Sprintf("op%d", offset.Milliseconds()+100)
		d := h.deskPhone("udp")
		d.user = user
		d.register(200)
		// The challenge is here already: what races is the REGISTER that counts.
		d.send(d.text("REGISTER", "sip:test", "Expires: 60\r\n", ""))
		challenge := d.answer("REGISTER", 401)
		got := make(chan outcome, 1)
		go func() {
			l, err := h.Dial(context.Background(), call.Dial{Call: "c", User: user})
			got <- outcome{l, err}
		}()
		invite := d.request("INVITE")
		d.send(respond(invite, 180, "desk", "", ""))
		again := d.text("REGISTER", "sip:test", "Expires: 60\r\n"+d.credentials(challenge, "REGISTER", "sip:test"), "")
		ok := respond(invite, 200, "desk", "Contact: <sip:x@192.0.2.9>\r\n", sdpFor(40000, "sendrecv"))
		apart(offset, func() { d.send(again) }, func() { d.send(ok) })
		r := <-got
		if r.err != nil {
			t.Fatal(r.err)
		}
		either := func(m message) bool {
			return m.method() == "ACK" || (m.method() == "REGISTER" && m.code() == 200)
		}
		seen := "registered first"
		if d.want("ACK or 200", either).method() == "ACK" {
			seen = "answered first"
		}
		d.want("the other one", either)
		if n := len(h.Server.reg.contacts(user)); n != 1 {
			t.Errorf("%d contacts after a refresh", n)
		}
		r.leg.Hangup(call.Reason{})
		d.send(respond(d.request("BYE"), 200, "", "", ""))
		causeOf(t, r.leg)
		return seen
	})
}
