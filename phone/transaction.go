package phone

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The timers of RFC 3261 §17.1.1.1.
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
	t4 = 64 * t1 // how long a request is repeated, and how long an answered one is remembered
)

// errNoAnswer is what 32 s of silence look like to the sender of a request.
var errNoAnswer = errors.New("no answer in 32 s")

// A clientTx is a request of ours that waits for its responses (RFC 3261 §17.1).
type clientTx struct {
	p       *Phone
	req     *Message
	bytes   []byte
	wire    wire
	got     func(*Message) // called for each response, in order, by the reader
	since   time.Time
	quiet   chan struct{} // closed by the first response to an INVITE: repeat no more
	final   chan struct{} // closed by the first final response
	onQuiet sync.Once
	onFinal sync.Once
}

// begin puts a Via on the request, sends it and repeats it as its kind demands. For an INVITE,
// got sees every response, also after the final one; silent is called after 32 s of silence.
func (p *Phone) begin(req *Message, w wire, got func(*Message), silent func()) (*clientTx, error) {
	via, branch := p.via()
	req.Headers = append([]Header{{"Via", via}}, req.Headers...)
	return p.beginAs(req, branch, w, got, silent)
}

// beginAs is begin for a request that has its Via: CANCEL has that of its INVITE.
func (p *Phone) beginAs(req *Message, branch string, w wire, got func(*Message), silent func()) (*clientTx, error) {
	t := &clientTx{p: p, req: req, bytes: req.Bytes(), wire: w, got: got, since: time.Now(),
		quiet: make(chan struct{}), final: make(chan struct{})}
	p.mu.Lock()
	for key, old := range p.sent {
		if time.Since(old.since) > 4*t4 {
			delete(p.sent, key)
		}
	}
	p.sent[branch+" "+req.Method] = t
	p.mu.Unlock()
	if err := p.transmit(req, t.bytes, w); err != nil {
		return nil, fmt.Errorf("send %s: %w", req.Method, err)
	}
	if !p.start(func() { t.repeat(silent) }) {
		return nil, context.Canceled
	}
	return t, nil
}

// repeat sends the request again until an answer comes, over UDP; on every transport it gives
// up after 32 s.
func (t *clientTx) repeat(silent func()) {
	_, udp := t.wire.(datagram)
	giveUp := time.NewTimer(t4)
	defer giveUp.Stop()
	wait := t1
	again := time.NewTimer(wait)
	defer again.Stop()
	for {
		select {
		case <-t.p.ctx.Done():
			return
		case <-t.quiet:
			return
		case <-t.final:
			return
		case <-giveUp.C:
			silent()
			return
		case <-again.C:
			if udp {
				t.p.transmit(t.req, t.bytes, t.wire)
			}
			if wait *= 2; t.req.Method != "INVITE" {
				wait = min(wait, t2)
			}
			again.Reset(wait)
		}
	}
}

func (t *clientTx) take(resp *Message) {
	if t.req.Method == "INVITE" {
		t.onQuiet.Do(func() { close(t.quiet) })
	}
	if resp.Code >= 200 {
		t.onFinal.Do(func() { close(t.final) })
		if t.req.Method == "INVITE" && resp.Code >= 300 {
			t.ackRefusal(resp)
		}
	}
	t.got(resp)
}

// ackRefusal acknowledges a final response that is not 2xx: part of the INVITE's transaction,
// with its branch (RFC 3261 §17.1.1.3).
func (t *clientTx) ackRefusal(resp *Message) {
	ack := &Message{Method: "ACK", URI: t.req.URI}
	n, _ := t.req.cseq()
	ack.add("Via", t.req.Get("Via"))
	ack.add("Max-Forwards", "70")
	for _, h := range t.req.Headers {
		if strings.EqualFold(h.Name, "Route") {
			ack.add(h.Name, h.Value)
		}
	}
	if from := t.req.Get("From"); from != "" {
		ack.add("From", from)
	}
	ack.add("To", resp.Get("To"))
	ack.add("Call-ID", t.req.Get("Call-ID"))
	ack.add("CSeq", strconv.FormatUint(uint64(n), 10)+" ACK")
	t.p.transmit(ack, ack.Bytes(), t.wire)
}

// exchange sends a request that is not an INVITE and waits for its final response.
func (p *Phone) exchange(ctx context.Context, req *Message, w wire) (*Message, error) {
	final, silent := make(chan *Message, 1), make(chan struct{})
	_, err := p.begin(req, w, func(resp *Message) {
		if resp.Code >= 200 {
			select {
			case final <- resp:
			default: // repeated
			}
		}
	}, func() { close(silent) })
	if err != nil {
		return nil, err
	}
	select {
	case resp := <-final:
		return resp, nil
	case <-silent:
		return nil, fmt.Errorf("%s: %w", req.Method, errNoAnswer)
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", req.Method, ctx.Err())
	case <-p.ctx.Done():
		return nil, fmt.Errorf("%s: phone closed", req.Method)
	}
}

// exchangeAuth is exchange that answers one digest challenge.
func (p *Phone) exchangeAuth(ctx context.Context, req *Message, w wire) (*Message, error) {
	first := *req
	first.Headers = append([]Header(nil), req.Headers...)
	resp, err := p.exchange(ctx, &first, w)
	if err != nil || (resp.Code != 401 && resp.Code != 407) || p.o.Secret == "" {
		return resp, err
	}
	c, err := pickChallenge(resp, p.o.Algorithm)
	if err != nil {
		return resp, err
	}
	bumpCSeq(req)
	c.authorize(req, p.o.User, p.o.Secret)
	return p.exchange(ctx, req, w)
}

// bumpCSeq makes the request the next one of its Call-ID.
func bumpCSeq(req *Message) {
	n, method := req.cseq()
	req.set("CSeq", strconv.FormatUint(uint64(n+1), 10)+" "+method)
}

// A serverTx is a request that we have answered, or are about to (RFC 3261 §17.2).
type serverTx struct {
	p     *Phone
	req   *Message
	wire  wire
	tag   string // our To tag for this request, unless it has one
	since time.Time
	call  *Call // an INVITE's; the phone's mutex guards it

	mu    sync.Mutex
	last  []byte // the last response, sent again for each repetition of the request
	lastM *Message
	acked chan struct{} // closed by the ACK for a final response that is not 2xx
	once  sync.Once
}

func serverKey(m *Message, method string) string {
	vias := m.All("Via")
	if len(vias) == 0 {
		return m.Get("Call-ID") + m.Get("CSeq")
	}
	via := parseAddress(vias[0])
	return via.param("branch") + " " + via.URI + " " + method
}

// take is the one door for messages. It runs on the goroutine that read them, one after another.
func (p *Phone) take(m *Message, w wire) {
	if p.Manners().Dead {
		return
	}
	p.trace("<- %s", m.line())
	if m.Code != 0 {
		_, method := m.cseq()
		p.mu.Lock()
		t := p.sent[m.topBranch()+" "+method]
		p.mu.Unlock()
		if t != nil {
			t.take(m)
		}
		return
	}
	if m.Method == "ACK" {
		p.takeAck(m)
		return
	}
	t, repeated := p.serverTx(m, w)
	if repeated {
		t.again()
		return
	}
	p.request(t)
}

// takeAck hands an ACK to the refusal or to the call that it acknowledges.
func (p *Phone) takeAck(m *Message) {
	p.mu.Lock()
	t := p.served[serverKey(m, "INVITE")]
	c := p.calls[m.Get("Call-ID")+" "+m.tag("To")]
	p.mu.Unlock()
	if t != nil {
		t.once.Do(func() { close(t.acked) })
	}
	if c != nil {
		c.takeAck(m)
	}
}

// serverTx finds the transaction of a request that was repeated, or opens one.
func (p *Phone) serverTx(m *Message, w wire) (t *serverTx, repeated bool) {
	key := serverKey(m, m.Method)
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.served[key]; t != nil {
		return t, true
	}
	for k, old := range p.served {
		// An INVITE may ring for minutes before it needs its transaction for CANCEL.
		if time.Since(old.since) > t4 && (old.req.Method != "INVITE" || time.Since(old.since) > 10*t4) {
			delete(p.served, k)
		}
	}
	t = &serverTx{p: p, req: m, wire: w, tag: randomHex(8), since: time.Now(), acked: make(chan struct{})}
	p.served[key] = t
	return t, false
}

// again answers a repeated request as before.
func (t *serverTx) again() {
	t.mu.Lock()
	b, m := t.last, t.lastM
	t.mu.Unlock()
	if b != nil {
		t.p.transmit(m, b, t.wire)
	}
}

// response makes a response with what it copies from the request (RFC 3261 §8.2.6).
func (t *serverTx) response(code int, reason string) *Message {
	m := &Message{Code: code, Reason: reason}
	for _, h := range t.req.Headers {
		switch strings.ToLower(h.Name) {
		case "via":
			m.add(h.Name, h.Value)
		case "record-route":
			if code > 100 && code < 300 {
				m.add(h.Name, h.Value)
			}
		}
	}
	t.received(m)
	to := t.req.Get("To")
	if code > 100 && parseAddress(to).param("tag") == "" {
		to += ";tag=" + t.tag
	}
	m.add("From", t.req.Get("From"))
	m.add("To", to)
	m.add("Call-ID", t.req.Get("Call-ID"))
	m.add("CSeq", t.req.Get("CSeq"))
	return m
}

// received notes in the topmost Via where the request came from (RFC 3261 §18.2.1, RFC 3581 §4).
func (t *serverTx) received(m *Message) {
	for i, h := range m.Headers {
		if !strings.EqualFold(h.Name, "Via") {
			continue
		}
		top, rest, more := strings.Cut(h.Value, ",")
		source := t.wire.String()
		colon := strings.LastIndexByte(source, ':')
		parts := strings.Split(top, ";")
		for j, part := range parts {
			if strings.TrimSpace(part) == "rport" {
				parts[j] = "rport=" + source[colon+1:] + ";received=" + strings.Trim(source[:colon], "[]")
			}
		}
		top = strings.Join(parts, ";")
		if more {
			top += "," + rest
		}
		m.Headers[i].Value = top
		return
	}
}

// respond sends a response and keeps it for repetitions of the request.
func (t *serverTx) respond(m *Message) {
	b := m.Bytes()
	t.mu.Lock()
	t.last, t.lastM = b, m
	t.mu.Unlock()
	t.p.transmit(m, b, t.wire)
}

func (t *serverTx) answer(code int, reason string) { t.respond(t.response(code, reason)) }

// refuse answers an INVITE with a final response that is not 2xx and repeats it until the ACK.
func (t *serverTx) refuse(code int, reason string) {
	t.answer(code, reason)
	t.p.start(func() { t.p.insist(t.again, t.acked, nil) })
}

// insist repeats a final response to an INVITE until stopped or for 32 s (RFC 3261 §13.3.1.4,
// §17.2.1). It reports whether it was stopped.
func (p *Phone) insist(again func(), stop, also <-chan struct{}) bool {
	deadline := time.Now().Add(t4)
	for wait := t1; ; wait = min(2*wait, t2) {
		timer := time.NewTimer(min(wait, time.Until(deadline)))
		select {
		case <-stop:
		case <-also:
		case <-p.ctx.Done():
		case <-timer.C:
			if time.Now().After(deadline) {
				return false
			}
			again()
			continue
		}
		timer.Stop()
		return true
	}
}

// request handles a new request.
func (p *Phone) request(t *serverTx) {
	m := t.req
	if m.Method == "CANCEL" {
		p.mu.Lock()
		invite := p.served[serverKey(m, "INVITE")]
		p.mu.Unlock()
		p.cancelled(t, invite)
		return
	}
	tag := m.tag("To")
	p.mu.Lock()
	c := p.calls[m.Get("Call-ID")+" "+tag]
	p.mu.Unlock()
	switch {
	case c != nil:
		c.request(t)
		return
	case tag != "":
		t.answer(481, "Call/Transaction Does Not Exist")
		return
	}
	if m.Method == "INVITE" {
		p.invited(t)
		return
	}
	p.mu.Lock()
	p.received[m.Method]++
	p.mu.Unlock()
	switch m.Method {
	case "OPTIONS":
		if !p.Manners().NoOptions {
			p.answerOptions(t)
		}
	case "NOTIFY", "MESSAGE":
		t.answer(200, "OK")
	case "BYE", "INFO", "UPDATE", "PRACK", "REFER":
		t.answer(481, "Call/Transaction Does Not Exist")
	default:
		r := t.response(405, "Method Not Allowed")
		r.add("Allow", allow)
		t.respond(r)
	}
}

// allow lists what the phone understands.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, MESSAGE"

func (p *Phone) answerOptions(t *serverTx) {
	r := t.response(200, "OK")
	r.add("Allow", allow)
	r.add("Accept", "application/sdp")
	r.add("Contact", p.contact())
	t.respond(r)
}
