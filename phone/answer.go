package phone

import (
	"errors"
	"fmt"
)

// phrases of the codes that tests send.
var phrases = map[int]string{
	180: "Ringing", 183: "Session Progress", 200: "OK", 302: "Moved Temporarily", 400: "Bad Request",
	403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist", 486: "Busy Here", 487: "Request Terminated",
	488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error",
	503: "Service Unavailable", 600: "Busy Everywhere", 603: "Decline",
}

func phrase(code int) string {
	if s := phrases[code]; s != "" {
		return s
	}
	return "Refused"
}

// invited takes a new call. It runs on the reader's goroutine.
func (p *Phone) invited(t *serverTx) {
	manners := p.Manners()
	if !manners.NoProvisional {
		t.answer(100, "Trying")
	}
	if manners.RejectWith != 0 {
		t.refuse(manners.RejectWith, phrase(manners.RejectWith))
		return
	}
	c, err := p.newCall()
	if err != nil {
		t.refuse(500, phrase(500))
		return
	}
	m := t.req
	c.invite, c.tx, c.wire, c.callID = m, t, t.wire, m.Get("Call-ID")
	c.local, c.remote = m.Get("To")+";tag="+c.ourTag, m.Get("From")
	t.tag = c.ourTag
	c.cseq = random32() >> 2
	c.follow(m)
	c.routes = m.All("Record-Route")
	if len(m.Body) > 0 {
		d, err := parseSDP(m.Body)
		if err != nil || len(common(d.types, p.codecs)) == 0 {
			c.media.close()
			t.refuse(488, phrase(488))
			return
		}
	}
	if !p.keep(c, c.ourTag) {
		c.end(EndedByClose, 0)
		return
	}
	p.mu.Lock()
	t.call = c
	p.mu.Unlock()
	if !manners.NoProvisional && !manners.NoRinging {
		c.Ring()
	}
	select {
	case p.incoming <- c:
	default:
		c.Reject(486)
	}
}

// Ring sends 180.
func (c *Call) Ring() { c.provisional(180) }

func (c *Call) provisional(code int) {
	c.mu.Lock()
	early := !c.caller && c.status < 200
	if early {
		c.status = code
	}
	c.mu.Unlock()
	if early {
		r := c.tx.response(code, phrase(code))
		r.add("Contact", c.p.contact())
		c.tx.respond(r)
	}
}

// decide moves the INVITE to its final response once; false when it has one.
func (c *Call) decide(code int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.caller || c.status >= 200 || c.ended != "" {
		return false
	}
	c.status = code
	return true
}

// errDecided means that an incoming call has had its final response.
var errDecided = errors.New("phone: the call is no longer ringing")

// Answer picks up an incoming call: sends 200, again and again until the ACK comes, and begins
// to send sound. It does not wait for the ACK.
func (c *Call) Answer() error {
	if !c.decide(200) {
		return errDecided
	}
	var body []byte
	offer := c.invite.Body
	if len(offer) > 0 {
		var err error
		if body, err = c.takeOffer(offer); err != nil {
			c.tx.refuse(488, phrase(488))
			c.end(EndedByUs, 488)
			return fmt.Errorf("phone: answer: %w", err)
		}
	} else {
		body = c.offer()
	}
	n, _ := c.invite.cseq()
	ok := c.okay(c.tx, body)
	acked := c.await(n, len(offer) == 0)
	c.media.begin()
	manners := c.p.Manners()
	c.tx.respond(ok)
	if manners.DoubleOK {
		c.tx.again()
	}
	if manners.ForkOK {
		c.forkOK(ok)
	}
	c.ansOnce.Do(func() { close(c.answered) })
	c.p.start(func() {
		if !c.p.insist(c.tx.again, acked, c.done) {
			// RFC 3261 §13.3.1.4: no ACK in 32 s, so the dialog is released.
			c.bye(c.p.ctx)
			c.end(EndedBySilence, 0)
		}
	})
	return nil
}

// okay is the 200 to an INVITE, with our session description.
func (c *Call) okay(t *serverTx, body []byte) *Message {
	r := t.response(200, "OK")
	r.add("Contact", c.p.contact())
	r.add("Allow", allow)
	if body != nil {
		r.add("Content-Type", "application/sdp")
		r.Body = body
	}
	return r
}

// await opens the wait for the ACK of a 200 to the INVITE with that CSeq.
func (c *Call) await(cseq uint32, delayed bool) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan struct{})
	c.awaited[cseq], c.delayed[cseq] = ch, delayed
	return ch
}

// takeAck takes an ACK for one of our 200s; it may bring the answer to our offer.
func (c *Call) takeAck(m *Message) {
	n, _ := m.cseq()
	c.mu.Lock()
	ch, delayed := c.awaited[n], c.delayed[n]
	delete(c.awaited, n)
	delete(c.delayed, n)
	c.received["ACK"]++
	c.mu.Unlock()
	if ch == nil {
		return
	}
	if delayed && len(m.Body) > 0 {
		if err := c.takeAnswer(m.Body); err != nil {
			c.p.trace("answer in the ACK not usable: %v", err)
		}
	}
	close(ch)
	c.ackOnce.Do(func() { close(c.acked) })
}

// forkOK sends the second 200 of two phones that picked up behind one fork.
func (c *Call) forkOK(ok *Message) {
	tag := randomHex(8)
	c.mu.Lock()
	c.twinTag = tag
	c.mu.Unlock()
	twin := *ok
	twin.Headers = append([]Header(nil), ok.Headers...)
	twin.set("To", c.invite.Get("To")+";tag="+tag)
	c.p.keep(c, tag)
	c.p.transmit(&twin, twin.Bytes(), c.tx.wire)
}

// Reject refuses an incoming call that has not been answered, with a code of 300 to 699.
func (c *Call) Reject(code int) error {
	if !c.decide(code) {
		return errDecided
	}
	c.tx.refuse(code, phrase(code))
	c.end(EndedByUs, code)
	return nil
}

// cancelled takes a CANCEL. It is answered by itself; the INVITE gets 487 unless it has had its
// final response (RFC 3261 §9.2).
func (p *Phone) cancelled(t, invite *serverTx) {
	if invite == nil {
		t.answer(481, phrase(481))
		return
	}
	manners := p.Manners()
	p.mu.Lock()
	c := invite.call
	p.mu.Unlock()
	if manners.NoCancel {
		return
	}
	t.tag = invite.tag
	t.answer(200, "OK")
	if c == nil {
		return
	}
	if manners.LateOK {
		c.Answer()
		return
	}
	c.mu.Lock()
	c.byeWhy = t.req.Get("Reason")
	c.mu.Unlock()
	if c.decide(487) {
		invite.refuse(487, phrase(487))
		c.end(EndedByCancel, 487)
	}
}
