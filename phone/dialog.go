package phone

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// request takes a request inside the dialog. It runs on the reader's goroutine.
func (c *Call) request(t *serverTx) {
	m := t.req
	manners := c.p.Manners()
	c.mu.Lock()
	twin := c.twinTag != "" && m.tag("To") == c.twinTag
	c.mu.Unlock()
	if twin {
		t.answer(200, "OK")
		if m.Method == "BYE" {
			c.twinOnce.Do(func() { close(c.twin) })
		}
		return
	}
	c.mu.Lock()
	c.received[m.Method]++
	c.mu.Unlock()
	if m.Method == "BYE" {
		c.mu.Lock()
		c.byeWhy = m.Get("Reason")
		c.mu.Unlock()
		if !manners.NoBye {
			t.answer(200, "OK")
		}
		c.end(EndedByPeer, 0)
		return
	}
	if c.over() {
		t.answer(481, phrase(481))
		return
	}
	switch m.Method {
	case "INVITE":
		c.reinvited(t)
	case "UPDATE":
		c.updated(t)
	case "OPTIONS":
		if !manners.NoOptions {
			c.p.answerOptions(t)
		}
	case "NOTIFY":
		c.notified(m)
		if !manners.NoNotify {
			t.answer(200, "OK")
		}
	case "INFO", "MESSAGE":
		t.answer(200, "OK")
	default:
		r := t.response(405, "Method Not Allowed")
		r.add("Allow", allow)
		t.respond(r)
	}
}

// reinvited answers a re-INVITE (RFC 3261 §14.2).
func (c *Call) reinvited(t *serverTx) {
	c.mu.Lock()
	asking := c.asking
	c.mu.Unlock()
	if asking {
		t.refuse(491, phrase(491))
		return
	}
	n, _ := t.req.cseq()
	var body []byte
	if delayed := len(t.req.Body) == 0; delayed {
		body = c.offer()
	} else {
		var err error
		if body, err = c.takeOffer(t.req.Body); err != nil {
			t.refuse(488, phrase(488))
			return
		}
	}
	c.mu.Lock()
	c.follow(t.req)
	c.mu.Unlock()
	acked := c.await(n, len(t.req.Body) == 0)
	t.respond(c.okay(t, body))
	c.p.start(func() { c.p.insist(t.again, acked, c.done) })
}

// updated answers an UPDATE (RFC 3311).
func (c *Call) updated(t *serverTx) {
	var body []byte
	if len(t.req.Body) > 0 {
		var err error
		if body, err = c.takeOffer(t.req.Body); err != nil {
			t.answer(488, phrase(488))
			return
		}
	}
	c.mu.Lock()
	c.follow(t.req)
	c.mu.Unlock()
	t.respond(c.okay(t, body))
}

// Request sends a request inside the call and returns its final response, whatever its code.
// Body may be nil; a Content-Type goes into headers.
func (c *Call) Request(ctx context.Context, method string, headers []Header, body []byte) (*Message, error) {
	c.mu.Lock()
	c.cseq++
	m := c.dialogRequest(method, c.remote, c.target, c.routes, c.cseq)
	m.remove("Via") // begin writes it
	w := c.way()
	c.mu.Unlock()
	m.Headers = append(m.Headers, headers...)
	m.Body = body
	resp, err := c.p.exchange(ctx, m, w)
	if errors.Is(err, net.ErrClosed) { // the connection went away: a new one to the target
		c.mu.Lock()
		target, routes := c.target, c.routes
		c.mu.Unlock()
		if other := c.wireFor(target, routes); other != nil {
			m.remove("Via")
			return c.p.exchange(ctx, m, other)
		}
	}
	return resp, err
}

// expect turns a response that is not 2xx into an error.
func expect(method string, resp *Message, err error) error {
	if err != nil {
		return err
	}
	if resp.Code >= 300 {
		return &Rejected{method, resp.Code, resp.Reason}
	}
	return nil
}

// Info sends one digit as INFO with application/dtmf-relay, 160 ms long, as many desk phones do.
func (c *Call) Info(ctx context.Context, digit byte) error {
	body := fmt.Sprintf("Signal=%c\r\nDuration=160\r\n", digit)
	resp, err := c.Request(ctx, "INFO", []Header{{"Content-Type", "application/dtmf-relay"}}, []byte(body))
	return expect("INFO", resp, err)
}

// Options asks inside the call whether the peer is there, and returns the code of its answer.
func (c *Call) Options(ctx context.Context) (int, error) {
	resp, err := c.Request(ctx, "OPTIONS", nil, nil)
	if err != nil {
		return 0, err
	}
	return resp.Code, nil
}

// Hold puts the peer on hold by a re-INVITE and stops sending sound (RFC 3264 §8.4).
func (c *Call) Hold(ctx context.Context) error {
	c.mu.Lock()
	c.direction = sendonly
	if c.p.Manners().HoldByZero {
		c.direction = "zero"
	}
	c.mu.Unlock()
	c.media.hold(true)
	return c.Reinvite(ctx, c.offer())
}

// Resume takes the peer back from hold.
func (c *Call) Resume(ctx context.Context) error {
	c.mu.Lock()
	c.direction = sendrecv
	c.mu.Unlock()
	err := c.Reinvite(ctx, c.offer())
	c.media.hold(false)
	return err
}

// ReinviteImage offers a fax instead of the sound (T.38), which a hotline refuses with 488.
func (c *Call) ReinviteImage(ctx context.Context) error {
	host, port := c.media.advertised()
	c.mu.Lock()
	c.version++
	body := fmt.Sprintf("v=0\r\no=- %s %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=image %d udptl t38\r\na=T38FaxVersion:0\r\n",
		c.session, c.version, family(host), host, family(host), host, port)
	c.mu.Unlock()
	return c.Reinvite(ctx, []byte(body))
}

// Reinvite sends a re-INVITE with this session description, nil for none, and waits for its
// final response; one that is not 2xx is a *Rejected error and leaves the call as it was.
func (c *Call) Reinvite(ctx context.Context, body []byte) error {
	c.mu.Lock()
	if c.asking {
		c.mu.Unlock()
		return errors.New("phone: a re-INVITE is under way")
	}
	c.asking = true
	c.cseq++
	m := c.dialogRequest("INVITE", c.remote, c.target, c.routes, c.cseq)
	m.remove("Via")
	w := c.way()
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.asking = false
		c.mu.Unlock()
	}()
	if body != nil {
		m.add("Content-Type", "application/sdp")
		m.Body = body
	}
	final, silent := make(chan *Message, 1), make(chan struct{})
	first := true
	got := func(r *Message) { // on the reader's goroutine
		if r.Code < 200 {
			return
		}
		if r.Code < 300 {
			c.reanswered(m, r, first)
		}
		if first {
			first = false
			final <- r
		}
	}
	if _, err := c.p.begin(m, w, got, func() { close(silent) }); err != nil {
		return err
	}
	select {
	case r := <-final:
		return expect("INVITE", r, nil)
	case <-silent:
		return fmt.Errorf("re-INVITE: %w", errNoAnswer)
	case <-ctx.Done():
		return fmt.Errorf("re-INVITE: %w", ctx.Err())
	case <-c.done:
		return errors.New("re-INVITE: the call ended")
	}
}

// reanswered takes a 200 to a re-INVITE of ours and acknowledges it.
func (c *Call) reanswered(m, r *Message, first bool) {
	if first {
		c.mu.Lock()
		c.follow(r)
		c.mu.Unlock()
		if len(r.Body) > 0 {
			if m.Body != nil {
				if err := c.takeAnswer(r.Body); err != nil {
					c.p.trace("answer not usable: %v", err)
				}
			} else if answer, err := c.takeOffer(r.Body); err == nil {
				n, _ := m.cseq()
				c.mu.Lock()
				c.ackBodies[n] = answer
				c.mu.Unlock()
			}
		}
	}
	c.ack(m)
}

// Hangup ends the call whatever its state: CANCEL or 603 before the answer, else BYE. It waits
// for the answer to the BYE; a peer that says it knows the call no longer is no error.
func (c *Call) Hangup(ctx context.Context) error {
	if c.over() {
		return nil
	}
	select {
	case <-c.answered:
	default:
		if !c.caller {
			return c.Reject(603)
		}
		c.Cancel()
		return c.WaitDone(ctx)
	}
	if !c.caller { // RFC 3261 §15: no BYE before the ACK
		select {
		case <-c.acked:
		case <-c.done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("hang up: no ACK: %w", ctx.Err())
		}
	}
	c.media.finish()
	err := c.bye(ctx)
	c.end(EndedByUs, 0)
	return err
}

func (c *Call) bye(ctx context.Context) error {
	resp, err := c.Request(ctx, "BYE", nil, nil)
	err = expect("BYE", resp, err)
	var r *Rejected
	if errors.As(err, &r) && (r.Code == 481 || r.Code == 408) {
		return nil
	}
	return err
}
