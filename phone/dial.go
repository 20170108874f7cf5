package phone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What DialOptions.From can be besides a URI.
const (
	FromAnonymous = "anonymous" // "Anonymous" <sip:anonymous@anonymous.invalid> (RFC 3323 §4.1)
	FromAbsent    = "absent"    // no From header in any request of the call, which RFC 3261 §8.1.1 forbids
)

// DialOptions describe one call to make.
type DialOptions struct {
	To         string // URI of the To header and, unless RequestURI is set, of the request
	RequestURI string
	Via        string // host:port the INVITE is sent to; "" is the host of the request's URI

	From    string // URI, FromAnonymous or FromAbsent; "" is the phone's own address
	Display string // display name in From; "" is Options.Display

	Headers []Header
	NoSDP   bool   // leaves the offer to the peer; our answer goes in the ACK (RFC 3261 §13.2.1)
	SDP     []byte // sent instead of our own offer
}

// Dial makes a call and returns when it has been answered and acknowledged. A refusal is a
// *Rejected error. When ctx ends first, the call is cancelled. The Call is returned with the
// error, too, unless nothing was sent.
func (p *Phone) Dial(ctx context.Context, o DialOptions) (*Call, error) {
	c, err := p.DialAsync(o)
	if err != nil {
		return nil, err
	}
	if err := c.WaitAnswered(ctx); err != nil {
		if ctx.Err() != nil {
			c.Cancel()
		}
		return c, err
	}
	return c, nil
}

// DialAsync sends the INVITE and returns at once.
func (p *Phone) DialAsync(o DialOptions) (*Call, error) {
	c, err := p.newCall()
	if err != nil {
		return nil, err
	}
	target := o.RequestURI
	if target == "" {
		target = o.To
	}
	via := o.Via
	if via == "" {
		via = parseURI(target).hostPort()
	}
	w, err := p.wireTo(via)
	if err != nil {
		c.media.close()
		return nil, fmt.Errorf("dial: %w", err)
	}
	c.caller, c.wire, c.target, c.cseq = true, w, target, 1
	c.callID = randomHex(12) + "@" + p.host
	c.local = p.fromFor(o, c.ourTag)
	c.remote = "<" + o.To + ">"
	invite := p.newRequest("INVITE", target, c.local, c.remote, c.callID, 1)
	if o.From == FromAbsent { // the peer knows the dialog by an empty tag of ours, as RFC 2543 had it
		invite.remove("From")
		c.local, c.ourTag = "", ""
	}
	invite.add("Allow", allow)
	invite.Headers = append(invite.Headers, o.Headers...)
	switch {
	case o.SDP != nil:
		invite.Body = o.SDP
	case !o.NoSDP:
		invite.Body = c.offer()
	}
	if invite.Body != nil {
		invite.add("Content-Type", "application/sdp")
	}
	if !p.keep(c, c.ourTag) {
		c.end(EndedByClose, 0)
		return nil, errors.New("dial: the phone is closed")
	}
	if err := c.sendInvite(invite); err != nil {
		c.end(EndedByUs, 0)
		return nil, fmt.Errorf("dial: %w", err)
	}
	return c, nil
}

func (p *Phone) fromFor(o DialOptions, tag string) string {
	display, uri := o.Display, o.From
	if display == "" {
		display = p.o.Display
	}
	switch o.From {
	case "", FromAbsent:
		uri = "sip:" + p.o.User + "@" + p.realm()
	case FromAnonymous:
		display, uri = "Anonymous", "sip:anonymous@anonymous.invalid"
	}
	from := "<" + uri + ">;tag=" + tag
	if display != "" {
		from = quote(display) + " " + from
	}
	return from
}

// sendInvite sends the first INVITE, or the second one with credentials.
func (c *Call) sendInvite(invite *Message) error {
	via, branch := c.p.via()
	invite.Headers = append([]Header{{"Via", via}}, invite.Headers...)
	c.mu.Lock()
	c.invite, c.branch = invite, branch
	w := c.wire
	c.mu.Unlock()
	_, err := c.p.beginAs(invite, branch, w, func(r *Message) { c.progress(invite, r) }, func() {
		c.end(EndedBySilence, 408)
	})
	return err
}

// progress takes the responses to our first INVITE in order. It runs on the reader's goroutine.
func (c *Call) progress(invite *Message, r *Message) {
	c.mu.Lock()
	c.status = r.Code
	current := c.invite == invite
	c.mu.Unlock()
	switch {
	case !current: // a late copy of the challenge
	case r.Code < 200:
		c.early(r)
	case r.Code < 300:
		c.picked(invite, r)
	case (r.Code == 401 || r.Code == 407) && c.p.o.Secret != "" && !c.authed:
		c.authed = true
		if c.challenged(invite, r) != nil {
			c.refused(r)
		}
	default:
		c.refused(r)
	}
}

// early is a provisional response: from now on CANCEL may be sent (RFC 3261 §9.1), and sound
// may already come and go (RFC 3960).
func (c *Call) early(r *Message) {
	if len(r.Body) > 0 {
		if c.takeAnswer(r.Body) == nil {
			c.media.begin()
		}
	}
	c.mu.Lock()
	c.manage.provisional = true
	c.theirEarlyTag = r.tag("To")
	c.mu.Unlock()
	if r.Code >= 180 {
		c.ringOnce.Do(func() { close(c.ringing) })
	}
	c.cancelIfDue()
}

func (c *Call) refused(r *Message) {
	c.mu.Lock()
	c.final = r
	by := EndedByRefusal
	if c.manage.wanted && r.Code == 487 {
		by = EndedByCancel
	}
	c.mu.Unlock()
	c.end(by, r.Code)
}

func (c *Call) challenged(invite, r *Message) error {
	ch, err := pickChallenge(r, c.p.o.Algorithm)
	if err != nil {
		return err
	}
	again := &Message{Method: "INVITE", URI: invite.URI, Body: invite.Body}
	again.Headers = append(again.Headers, invite.Headers[1:]...) // all but Via
	bumpCSeq(again)
	ch.authorize(again, c.p.o.User, c.p.o.Secret)
	c.mu.Lock()
	c.cseq, _ = again.cseq()
	c.manage.provisional = false
	c.mu.Unlock()
	return c.sendInvite(again)
}

// picked is a 200 to our INVITE: the first, a repetition, or that of another branch of a fork.
func (c *Call) picked(invite, r *Message) {
	to := r.Get("To")
	c.mu.Lock()
	first := c.final == nil
	fork := !first && r.tag("To") != parseAddress(c.remote).param("tag")
	if first {
		c.final = r
		c.remote = to
		c.follow(r)
		c.routes = r.All("Record-Route")
		slices.Reverse(c.routes) // RFC 3261 §12.1.2
	}
	late := c.manage.wanted
	c.mu.Unlock()

	if fork { // RFC 3261 §13.2.2.4: acknowledge it, then release it
		c.releaseFork(invite, r)
		return
	}
	var answer []byte
	n, _ := invite.cseq()
	if first && len(r.Body) > 0 {
		if invite.Body == nil {
			answer, _ = c.takeOffer(r.Body)
		} else if err := c.takeAnswer(r.Body); err != nil {
			c.p.trace("answer not usable: %v", err)
		}
		c.mu.Lock()
		c.ackBodies[n] = answer
		c.mu.Unlock()
	}
	if first && !late {
		c.media.begin()
	}
	c.ack(invite)
	if !first {
		return
	}
	c.ansOnce.Do(func() { close(c.answered) })
	if late { // it was picked up while our CANCEL was on its way
		c.p.start(func() { c.Hangup(c.p.ctx) })
	}
}

// follow takes the peer's Contact as the target of what comes next (RFC 3261 §12.2). c.mu is held.
func (c *Call) follow(m *Message) {
	if contacts := m.All("Contact"); len(contacts) > 0 {
		c.target = parseAddress(contacts[0]).URI
	}
}

// ack acknowledges the 200 to an INVITE of ours: a request of its own, with its own branch
// (RFC 3261 §13.2.2.4).
func (c *Call) ack(invite *Message) {
	manners := c.p.Manners()
	if manners.NoAck {
		return
	}
	n, _ := invite.cseq()
	c.mu.Lock()
	ack := c.dialogRequest("ACK", c.remote, c.target, c.routes, n)
	if body := c.ackBodies[n]; body != nil {
		ack.Body = body
		ack.add("Content-Type", "application/sdp")
	}
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		if v := invite.Get(name); v != "" {
			ack.add(name, v) // RFC 3261 §22.1
		}
	}
	w := c.way()
	c.mu.Unlock()
	if manners.AckDelay > 0 {
		c.p.start(func() {
			if c.p.pause(manners.AckDelay) {
				c.p.transmit(ack, ack.Bytes(), w)
			}
		})
		return
	}
	c.p.transmit(ack, ack.Bytes(), w)
}

func (c *Call) releaseFork(invite, r *Message) {
	n, _ := invite.cseq()
	target := c.target
	if contacts := r.All("Contact"); len(contacts) > 0 {
		target = parseAddress(contacts[0]).URI
	}
	routes := r.All("Record-Route")
	slices.Reverse(routes)
	ack := c.dialogRequest("ACK", r.Get("To"), target, routes, n)
	bye := c.dialogRequest("BYE", r.Get("To"), target, routes, n+1)
	bye.remove("Via") // begin writes it
	c.p.start(func() {
		w := c.wireFor(target, routes)
		if w == nil {
			return
		}
		c.p.transmit(ack, ack.Bytes(), w)
		c.p.exchange(c.p.ctx, bye, w)
	})
}

// dialogRequest makes a request inside a dialog (RFC 3261 §12.2.1.1), with its Via.
func (c *Call) dialogRequest(method, remote, target string, routes []string, cseq uint32) *Message {
	m := &Message{Method: method, URI: target}
	via, _ := c.p.via()
	m.add("Via", via)
	m.add("Max-Forwards", "70")
	for _, r := range routes {
		m.add("Route", r)
	}
	if c.local != "" {
		m.add("From", c.local)
	}
	m.add("To", remote)
	m.add("Call-ID", c.callID)
	m.add("CSeq", strconv.FormatUint(uint64(cseq), 10)+" "+method)
	if method != "BYE" && method != "ACK" {
		m.add("Contact", c.p.contact())
	}
	m.add("User-Agent", "hotline-phone")
	return m
}

// way is the wire for the next request: over TCP the connection of the call as long as it lives,
// over UDP the first route or the target. c.mu is held.
func (c *Call) way() wire {
	if _, tcp := c.wire.(*stream); tcp {
		return c.wire
	}
	if w := c.wireFor(c.target, c.routes); w != nil {
		return w
	}
	return c.wire
}

func (c *Call) wireFor(target string, routes []string) wire {
	if len(routes) > 0 {
		target = parseAddress(routes[0]).URI
	}
	w, err := c.p.wireTo(parseURI(target).hostPort())
	if err != nil {
		return nil
	}
	return w
}

// Cancel gives up a call of ours that has not been answered. CANCEL goes out at once if the peer
// has answered anything yet, else with its first response (RFC 3261 §9.1). The call is over when
// Done is closed; a 200 that crosses it is acknowledged and followed by BYE, and so is one that
// came before it: whoever gives up means it.
func (c *Call) Cancel() {
	c.mu.Lock()
	again := c.manage.wanted
	c.manage.wanted = true
	if c.final != nil && c.final.Code < 300 && !again {
		c.mu.Unlock()
		c.p.start(func() {
			select { // the 200 may be on its way through picked: no BYE before its ACK
			case <-c.answered:
				c.Hangup(c.p.ctx)
			case <-c.done:
			case <-c.p.ctx.Done():
			}
		})
		return
	}
	if c.p.Manners().EagerCancel {
		c.manage.provisional = true
	}
	c.mu.Unlock()
	c.cancelIfDue()
}

func (c *Call) cancelIfDue() {
	c.mu.Lock()
	due := c.caller && c.final == nil && c.manage.wanted && c.manage.provisional && !c.manage.sent
	c.manage.sent = c.manage.sent || due
	invite, branch, w := c.invite, c.branch, c.wire
	c.mu.Unlock()
	if !due {
		return
	}
	m := &Message{Method: "CANCEL", URI: invite.URI}
	m.add("Via", invite.Get("Via"))
	m.add("Max-Forwards", "70")
	for _, h := range invite.Headers {
		if slices.ContainsFunc([]string{"Route", "From", "To", "Call-ID"}, func(n string) bool { return strings.EqualFold(n, h.Name) }) {
			m.add(h.Name, h.Value)
		}
	}
	n, _ := invite.cseq()
	m.add("CSeq", strconv.FormatUint(uint64(n), 10)+" CANCEL")
	c.p.beginAs(m, branch, w, func(*Message) {}, func() {
		c.end(EndedBySilence, 408)
	})
}
