package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// A limit is tested at its last good value and one above it.
type limit struct {
	name string
	most int
	// text is a whole request with n of what is limited.
	text func(p *peer, n int) string
	// above is the answer to one more than most.
	above int
	// network is "udp" if empty.
	network string
	// closes says that a stream ends with it.
	closes bool
}

// optionsWith is an OPTIONS with more header lines.
func optionsWith(p *peer, extra string) string {
	c := p.dials()
	return c.text("OPTIONS", c.branch, extra, "", "")
}

// filled is a request whose body makes it n bytes long, in all.
func filled(p *peer, n, headers int) string {
	c := p.dials()
	extra := ""
	for len(extra) < headers {
		extra += "X: " + strings.Repeat("x", 4000) + "\r\n"
	}
	bare := c.text("OPTIONS", c.branch, extra, "text/plain", strings.Repeat("x", 8000))
	return c.text("OPTIONS", c.branch, extra, "text/plain", strings.Repeat("x", 8000+n-len(bare)))
}

// describing is an INVITE with a description of ours and more lines at its end.
func describing(p *peer, lines string) string {
	c := p.dials()
	c.sdp += lines
	return c.invite()
}

// ofParts is an INVITE with n parts, the last of them its description.
func ofParts(p *peer, n int) string {
	c := p.dials()
	c.kind = "multipart/mixed;boundary=b"
	c.sdp = strings.Repeat("--b\r\nContent-Type: text/plain\r\n\r\nx\r\n", n-1) + "--b\r\nContent-Type: application/sdp\r\n\r\n" + c.sdp + "\r\n--b--\r\n"
	return c.invite()
}

var limits = []limit{
	{name: "bytes of a datagram", most: maxDatagram, above: 413, text: func(p *peer, n int) string { return filled(p, n, 8000) }},
	{name: "bytes of a message on a stream", most: maxStream, above: 400, network: "tcp", closes: true, text: func(p *peer, n int) string { return filled(p, n, 57000) }},
	{name: "header lines", most: maxLines, above: 400, text: func(p *peer, n int) string { return optionsWith(p, strings.Repeat("X: y\r\n", n-8)) }},
	{name: "bytes of a header", most: maxLine, above: 400, text: func(p *peer, n int) string { return optionsWith(p, "X: "+strings.Repeat("x", n-3)+"\r\n") }},
	{name: "bytes of a folded header", most: maxLine, above: 400, text: func(p *peer, n int) string {
		return optionsWith(p, "X: "+strings.Repeat("x", n-3-100)+"\r\n "+strings.Repeat("x", 99)+"\r\n")
	}},
	{name: "Via lines", most: maxVia, above: 400, text: func(p *peer, n int) string {
		return optionsWith(p, strings.Repeat("Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n", n-1))
	}},
	{name: "Via in one line", most: maxVia, above: 400, text: func(p *peer, n int) string {
		return optionsWith(p, "Via: SIP/2.0/UDP h"+strings.Repeat(", SIP/2.0/UDP h", n-2)+"\r\n")
	}},
	{name: "Record-Route lines", most: maxRoutes, above: 400, text: func(p *peer, n int) string { return optionsWith(p, strings.Repeat("Record-Route: <sip:h;lr>\r\n", n)) }},
	{name: "Record-Route in one line", most: maxRoutes, above: 400, text: func(p *peer, n int) string {
		return optionsWith(p, "Record-Route: <sip:h;lr>"+strings.Repeat(", <sip:h;lr>", n-1)+"\r\n")
	}},
	{name: "bytes of a Call-ID", most: maxIdentifier, above: 400, text: func(p *peer, n int) string {
		c := p.dials()
		c.id += strings.Repeat("x", n-len(c.id))
		return c.text("OPTIONS", c.branch, "", "", "")
	}},
	{name: "bytes of a From tag", most: maxIdentifier, above: 400, text: func(p *peer, n int) string {
		c := p.dials()
		c.from = "<sip:a@h>;tag=" + strings.Repeat("x", n)
		return c.text("OPTIONS", c.branch, "", "", "")
	}},
	{name: "bytes of a branch", most: maxIdentifier, above: 400, text: func(p *peer, n int) string {
		c := p.dials()
		c.branch += strings.Repeat("x", n-len(c.branch))
		return c.text("OPTIONS", c.branch, "", "", "")
	}},
	{name: "bytes of a body", most: maxSDP, above: 413, text: func(p *peer, n int) string {
		c := p.dials()
		return c.text("OPTIONS", c.branch, "", "text/plain", strings.Repeat("x", n))
	}},
	{name: "bytes of a body on a stream", most: maxSDP, above: 413, network: "tcp", text: func(p *peer, n int) string {
		c := p.dials()
		return c.text("OPTIONS", c.branch, "", "text/plain", strings.Repeat("x", n))
	}},
	{name: "media lines", most: maxMedia, above: 488, text: func(p *peer, n int) string {
		return describing(p, strings.Repeat("m=video 9 RTP/AVP 31\r\n", n-1))
	}},
	{name: "formats of a media line", most: maxFormats, above: 488, text: func(p *peer, n int) string {
		return describing(p, "m=video 9 RTP/AVP"+strings.Repeat(" 31", n)+"\r\n")
	}},
	{name: "attributes", most: maxAttributes, above: 488, text: func(p *peer, n int) string { return describing(p, strings.Repeat("a=x\r\n", n-2)) }},
	{name: "candidates", most: maxCandidates, above: 488, text: func(p *peer, n int) string {
		return describing(p, strings.Repeat("a=candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\n", n))
	}},
	{name: "bytes of a description", most: maxDescription, above: 413, text: func(p *peer, n int) string {
		c := p.dials()
		c.sdp += "i=" + strings.Repeat("x", n-len(c.sdp)-4) + "\r\n"
		return c.invite()
	}},
	{name: "parts of a body", most: maxParts, above: 413, text: ofParts},
}

// Each limit of one message: at it all is well, above it the message is refused and nothing stays.
func TestLimits(t *testing.T) {
	h := open(t, nil, fastTimes)
	for _, x := range limits {
		if x.network == "" {
			x.network = "udp"
		}
		t.Run(x.name, func(t *testing.T) {
			h.t = t
			p := h.carrierBy(x.network)
			if got := h.judged(p, x.text(p, x.most)); got != 200 {
				t.Errorf("%d of them: %d", x.most, got)
			}
			if got := h.judged(p, x.text(p, x.most+1)); got != x.above {
				t.Errorf("%d of them: %d, due was %d", x.most+1, got, x.above)
			}
			if x.closes {
				p.end()
			}
		})
	}
	eventually(t, "nothing is kept", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.Server.legs) == 0 && len(h.serverTxs) == 0 && len(h.merged) == 0
	})
}

// judged sends a request and plays the line: a call that is fit could be answered, which counts as
// 200; one that is not gets the code it is unfit with.
func (h *house) judged(p *peer, text string) int {
	h.t.Helper()
	p.send(text)
	sent := readText(text)
	mine := func(m message) bool { return m.code() >= 200 && m.get("Call-ID") == sent.get("Call-ID") }
	if sent.method() != "INVITE" {
		return p.want("an answer", mine).code()
	}
	over, fit := make(chan struct{}), make(chan bool, 1)
	go func() {
		select {
		case l := <-h.legs:
			code := l.Info().Unfit
			fit <- code == 0
			l.Hangup(call.Reason{Code: max(code, 480)})
		case <-over:
			fit <- false
		}
	}()
	got := p.want("an answer", mine)
	close(over)
	p.send(ackTo(sent, got))
	if <-fit {
		return 200
	}
	return got.code()
}

// ackTo is the ACK of a refusal (RFC 3261 §17.1.1.3).
func ackTo(invite, refusal message) string {
	uri := strings.Fields(invite.start)[1]
	return fmt.Sprintf("ACK %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContent-Length: 0\r\n\r\n",
		uri, invite.get("Via"), invite.get("From"), refusal.get("To"), invite.get("Call-ID"), strings.Replace(invite.get("CSeq"), "INVITE", "ACK", 1))
}

// What has no end, or nothing to answer to, is answered where that can be done.
func TestHalfMessages(t *testing.T) {
	h := open(t, nil, nil)
	for _, x := range []struct {
		name, text string
		code       int
	}{
		{"no end of headers", "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bKhalf\r\nCSeq: 1 OPTIONS\r\n", 400},
		{"nothing but a line", "OPTIONS sip:h SIP/2.0\r\n", 0},
		{"a broken ACK", "ACK sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bKhalf\r\n\r\n", 0},
		{"line ends", "\r\n\r\n\r\n", 0},
		{"zeros", strings.Repeat("\x00", 100), 0},
		{"one byte", "x", 0},
		{"a colon", "\r\n:\r\n\r\n", 0},
	} {
		p := h.carrier()
		p.send(x.text)
		if x.code == 0 {
			p.quiet(20 * time.Millisecond)
		} else if got := p.want(x.name, func(m message) bool { return m.code() >= 200 }); got.code() != x.code {
			t.Errorf("%s: %v", x.name, got)
		}
	}
}
