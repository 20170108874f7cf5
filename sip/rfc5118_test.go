package sip

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// houseOf6 is a house that listens on IPv6 and IPv4 with one socket a side, and knows a carrier at each loopback.
func houseOf6(t *testing.T, fast func(*timing)) *house {
	h := open(t, func(o *Options) {
		o.Trunks.Listen = []string{"udp://[::]:0", "tcp://[::]:0"}
		o.Phones.Listen = []string{"udp://[::]:0", "tcp://[::]:0"}
		o.Trunks.Carriers[0].From = append(o.Trunks.Carriers[0].From, netip.MustParsePrefix("::1/128"))
		o.Media = soundEverywhere(t)
	}, fast)
	h.trunk = netip.AddrPortFrom(netip.IPv6Loopback(), h.trunk.Port())
	return h
}

// RFC 5118: what IPv6 looks like where it may stand, and where it may not.
func TestRFC5118(t *testing.T) {
	h := houseOf6(t, nil)
	for _, x := range []struct {
		name string
		edit func(c *outCall)
		code int
	}{
		{"4.1 an address in brackets", func(c *outCall) { c.target = "sip:919@[2001:db8::10]" }, aCall},
		{"4.2 one without", func(c *outCall) { c.target = "sip:919@2001:db8::10" }, 400},
		{"4.2 one without, in Contact", func(c *outCall) { c.contact = "<sip:a@2001:db8::10>" }, 400},
		{"4.3 a port inside the brackets", func(c *outCall) { c.target = "sip:919@[2001:db8::10:5070]" }, aCall},
		{"4.4 a port behind them", func(c *outCall) { c.target = "sip:919@[2001:db8::10]:5070" }, aCall},
		{"4.5 received in brackets", func(c *outCall) {
			c.extra = "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111\r\n"
		}, aCall},
		{"4.5 received without", func(c *outCall) {
			c.extra = "Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3-111\r\n"
		}, aCall},
		{"4.6 a description", func(c *outCall) {}, aCall},
		{"4.7 both families in the headers", func(c *outCall) {
			c.extra = "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKjhja8781hjuaij65144\r\nRecord-Route: <sip:[2001:db8::9:1]:5060;lr>, <sip:192.0.2.1;lr>\r\n"
		}, aCall},
		{"4.8 both families in the description", func(c *outCall) {
			c.sdp = "v=0\r\no=bob 280744730 28977631 IN IP4 host.example.com\r\ns=\r\nt=0 0\r\nm=audio 22334 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nm=audio 6024 RTP/AVP 8\r\nc=IN IP6 2001:db8::1\r\n"
		}, aCall},
		{"4.9 an IPv4 address in IPv6 dress", func(c *outCall) {
			c.contact = "<sip:user@[::ffff:192.0.2.10]:5060>"
		}, aCall},
		{"4.10 the old grammar's three colons, in Via", func(c *outCall) {
			c.extra = "Via: SIP/2.0/UDP [2001:db8:::192.0.2.1];branch=z9hG4bKas3-111\r\n"
		}, aCall}, // somebody else's Via is given back as it is
		{"4.10 and with two, as it should be", func(c *outCall) {
			c.extra = "Via: SIP/2.0/UDP [2001:db8::192.0.2.1];branch=z9hG4bKas3-111\r\n"
		}, aCall},
		// Which host it was sent to decides nothing: it came here.
		{"4.10 in the request line", func(c *outCall) { c.target = "sip:919@[2001:db8:::192.0.2.1]" }, aCall},
		{"a zone in the request line", func(c *outCall) { c.target = "sip:919@[fe80::1%25lo]" }, aCall},
		{"a bracket that stays open", func(c *outCall) { c.target = "sip:919@[2001:db8::10" }, 400},
	} {
		t.Run(x.name, func(t *testing.T) {
			h.t = t
			p := peerAt(t, "udp", "::1", h.trunk)
			c := p.dials()
			c.sdp = strings.ReplaceAll(c.sdp, "IP4 127.0.0.1", "IP6 ::1")
			x.edit(c)
			// The first Via is ours, a further one stands behind it.
			text := c.invite()
			if strings.Contains(x.name, "Via") || strings.Contains(x.name, "received") || strings.Contains(x.name, "headers") {
				text = strings.Replace(text, c.extra, "", 1)
				text = strings.Replace(text, "Max-Forwards", c.extra+"Max-Forwards", 1)
			}
			p.send(text)
			if x.code != aCall {
				p.answer("INVITE", x.code)
				return
			}
			l := next(t, h.legs)
			if l.Info().Unfit != 0 || l.Info().Dialled != "919" {
				t.Errorf("unfit %d, dialled %q", l.Info().Unfit, string(l.Info().Dialled))
			}
			l.Hangup(call.Reason{Code: 486})
			got := p.answer("INVITE", 486)
			if n := strings.Count(text, "\r\nVia:"); len(got.all("Via")) != n {
				t.Errorf("%d Via came, %q go back", n, got.all("Via"))
			}
		})
	}
}

// 4.3 and 4.4: the port is where it stands.
func TestThePortOfAnIPv6Address(t *testing.T) {
	inside, ok1 := parseURI("sip:919@[2001:db8::10:5070]")
	behind, ok2 := parseURI("sip:919@[2001:db8::10]:5070")
	if !ok1 || !ok2 || inside.Port != 0 || behind.Port != 5070 || inside.Host == behind.Host {
		t.Errorf("%+v, %+v", inside, behind)
	}
}

// 4.5: our own Via comes back with received, in brackets or not, and the answer is taken.
func TestReceivedOfOurOwnVia(t *testing.T) {
	for _, received := range []string{"::1", "[::1]", "2001:db8::9", "[2001:db8::9"} {
		h := houseOf6(t, fastTimes)
		p := peerAt(t, "udp", "::1", h.trunk)
		c := p.dials()
		c.sdp = strings.ReplaceAll(c.sdp, "IP4 127.0.0.1", "IP6 ::1")
		l := h.answered(c)
		l.Hangup(call.Reason{})
		bye := p.request("BYE")
		ok := respond(bye, 200, "", "", "")
		p.send(strings.Replace(ok, bye.get("Via"), bye.get("Via")+";received="+received, 1))
		eventually(t, "the BYE is answered", func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return len(h.Server.legs) == 0
		})
	}
}

// Who one is, says the address that a message comes from; nothing that it says of itself. An
// IPv4 address in IPv6 dress, which is how a socket of both families hears it, is the IPv4 address.
func TestNobodyTalksHimselfIn(t *testing.T) {
	h := houseOf6(t, nil)
	known := peerAt(t, "udp", "127.0.0.1", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), h.trunk.Port()))
	c := known.dials()
	known.send(c.text("OPTIONS", c.branch, "", "", ""))
	known.answer("OPTIONS", 200)

	stranger := peerAt(t, "udp", "127.0.0.9", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), h.trunk.Port()))
	for _, claim := range []string{"127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "[::]", "localhost", "[::7f00:1]", "0x7f.1", "2130706433"} {
		c := stranger.dials()
		c.from, c.contact = "<sip:a@"+claim+">;tag=x", "<sip:a@"+claim+">"
		text := strings.Replace(c.invite(), " "+stranger.at.String()+";", " "+claim+";received="+strings.Trim(claim, "[]")+";maddr="+claim+";", 1)
		stranger.send(text)
	}
	stranger.quiet(quietTime)
	select {
	case l := <-h.legs:
		t.Errorf("a stranger is let in: %+v", l.Info())
	case <-time.After(0):
	}

	// 4.9: such an address in a description is one that sound can go to.
	c = known.dials()
	c.sdp = strings.ReplaceAll(c.sdp, "c=IN IP4 127.0.0.1", "c=IN IP6 ::ffff:127.0.0.1")
	known.send(c.invite())
	l := next(t, h.legs)
	if l.Info().Unfit != 0 {
		t.Errorf("unfit %d", l.Info().Unfit)
	}
	l.Hangup(call.Reason{Code: 486})
	known.answer("INVITE", 486)

	// Sound goes to no address that is nobody's, everybody's, or ours in another dress.
	for _, to := range []string{"IP4 0.0.0.0", "IP6 ::", "IP6 ::ffff:0.0.0.0", "IP4 224.0.0.1", "IP4 255.255.255.255", "IP6 ff02::1", "IP6 fe80::1%lo"} {
		c := known.dials()
		c.sdp = strings.ReplaceAll(c.sdp, "c=IN IP4 127.0.0.1", "c=IN "+to)
		known.send(c.invite())
		l := next(t, h.legs)
		description, r, err := answerSDP([]byte(c.sdp), ours())
		if hold := strings.Contains(to, "0.0.0.0"); err == nil && (r.Send || !hold) {
			t.Errorf("%s: would send to %s, said %s", to, r.Addr, description)
		}
		l.Hangup(call.Reason{Code: 488})
		known.answer("INVITE", 488)
	}
}
