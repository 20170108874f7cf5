package sip

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/media"
)

// A socket on all addresses answers from the one that was asked, and names it in all that it says.
func TestAnswersLeaveFromWhereTheRequestCame(t *testing.T) {
	for _, listen := range []string{"0.0.0.0", "[::]"} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(listen+" "+network, func(t *testing.T) {
				h := open(t, func(o *Options) {
					o.Trunks.Listen = []string{"udp://" + listen + ":0", "tcp://" + listen + ":0"}
					o.Phones.Listen = []string{"udp://" + listen + ":0", "tcp://" + listen + ":0"}
					o.Media = soundEverywhere(t)
				}, fastTimes)
				for _, ours := range []string{"127.0.0.2", "127.0.0.3"} {
					onAddress(t, h, network, ours)
				}
			})
		}
	}
}

// onAddress is a call to one of our addresses, and one to a phone that knows it.
func onAddress(t *testing.T, h *house, network, ours string) {
	t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(ours), h.listener(trunkSide, network).Port())
	p := peerAt(t, network, "127.0.0.1", at) // connected: what comes from elsewhere is not seen
	c := p.dials()
	sound, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer sound.Close()
	c.sdp = sdpFor(sound.LocalAddr().(*net.UDPAddr).Port, "sendrecv")
	l := h.served(c)
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = sound.SetReadDeadline(time.Now().Add(patience))
	if _, from, err := sound.ReadFromUDPAddrPort(make([]byte, 1500)); err != nil || from.Addr().String() != ours {
		t.Errorf("sound comes from %s: %v", from, err)
	}
	ok := p.answer("INVITE", 200)
	names(t, "Contact of the 200", ok.get("Contact"), "@"+at.String())
	names(t, "SDP of the 200", ok.body, "c=IN IP4 "+ours+"\r\n")
	c.took(ok)
	p.send(c.ack(""))
	<-l.acked
	l.Hangup(call.Reason{})
	bye := p.request("BYE")
	names(t, "Via of the BYE", bye.get("Via"), " "+at.String()+";")
	p.send(respond(bye, 200, "", "", ""))

	at = withPort(at, h.listener(phoneSide, network).Port())
	d := h.deskPhoneTo(network, "127.0.0.4", at)
	d.register(200)
	l, invite := h.ring(t, d)
	names(t, "Via of the INVITE", invite.get("Via"), " "+at.String()+";")
	names(t, "Contact of the INVITE", invite.get("Contact"), "@"+at.String())
	names(t, "From of the INVITE", invite.get("From"), "@"+at.String()+">")
	names(t, "SDP of the INVITE", invite.body, "c=IN IP4 "+ours+"\r\n")
	l.Hangup(call.Reason{})
	d.send(respond(d.request("BYE"), 200, "", "", ""))
	if b := h.Server.reg.contacts(testUser); len(b) == 0 || b[len(b)-1].Local != at {
		t.Errorf("registered at %v", b)
	}
	h.Server.reg.drop(testUser, func(*bound) bool { return true })
}

func names(t *testing.T, what, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%s says %q, want %q in it", what, text, part)
	}
}

func TestIPv6(t *testing.T) {
	for _, listen := range []string{"[::1]", "[::]"} {
		for _, network := range []string{"udp", "tcp", "tls"} {
			t.Run(listen+" "+network, func(t *testing.T) {
				a := newAuthority(t)
				h := open(t, func(o *Options) {
					a.overTLS(o)
					o.Trunks.Listen = []string{"udp://" + listen + ":0", "tcp://" + listen + ":0", "tls://" + listen + ":0"}
					o.Phones.Listen = o.Trunks.Listen
					o.Trunks.Carriers[0].From = append(o.Trunks.Carriers[0].From, netip.MustParsePrefix("::1/128"))
					o.Media = soundEverywhere(t)
				}, nil)
				at := netip.AddrPortFrom(netip.IPv6Loopback(), h.listener(trunkSide, network).Port())
				p := peerAt(t, network, "::1", at)
				c := p.dials()
				c.sdp = strings.ReplaceAll(c.sdp, "IP4 127.0.0.1", "IP6 ::1")
				l := h.served(c)
				if err := l.Answer(t.Context()); err != nil {
					t.Fatal(err)
				}
				ok := p.answer("INVITE", 200)
				names(t, "Contact of the 200", ok.get("Contact"), fmt.Sprintf("@[::1]:%d", at.Port()))
				names(t, "SDP of the 200", ok.body, "c=IN IP6 ::1\r\n")
				c.took(ok)
				p.send(c.ack(""))
				<-l.acked
				l.Hangup(call.Reason{})
				names(t, "Via of the BYE", p.request("BYE").get("Via"), fmt.Sprintf(" [::1]:%d;", at.Port()))
			})
		}
	}
}

// Sound that can only be IPv4 is not promised to a telephone of IPv6.
func TestIPv6WithSoundOfIPv4(t *testing.T) {
	for _, listen := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv4Unspecified()} {
		h := open(t, func(o *Options) {
			o.Trunks.Listen = []string{"udp://[::1]:0"}
			o.Trunks.Carriers[0].From = []netip.Prefix{netip.MustParsePrefix("::1/128")}
			o.Media = engineAt(t, listen)
		}, nil)
		p := peerAt(t, "udp", "::1", h.trunk)
		c := p.dials()
		c.sdp = strings.ReplaceAll(c.sdp, "IP4 127.0.0.1", "IP6 ::1")
		p.send(c.invite())
		if unfit := next(t, h.legs).Info().Unfit; unfit != 488 {
			t.Errorf("sound on %s: unfit %d", listen, unfit)
		}
	}
}

func TestAddressesThatMeanNothing(t *testing.T) {
	for listen, right := range map[string]bool{
		"udp://[::]:5060": true, "tls://[2001:db8::1]:5061": true, "udp://0.0.0.0:0": true,
		"udp://[fe80::1%eth0]:5060": false, "udp://[::ffff:192.0.2.1]:5060": false, "ws://0.0.0.0:80": false, "udp://host:5060": false,
	} {
		if _, err := parseListen(listen); (err == nil) != right {
			t.Errorf("%s: %v", listen, err)
		}
	}
	h := open(t, nil, nil)
	p := h.carrier()
	for _, from := range []string{"[fe80::1%lo]:5060", "[fe80::1%1]:5060"} {
		c := p.dials()
		h.datagram(flow{udp: h.udp[0], peer: netip.MustParseAddrPort(from)}, []byte(c.invite()))
	}
	if n := count(t, h, "hotline_sip_silenced_total", "trunks"); n != 2 {
		t.Errorf("%v silenced", n)
	}
}

// soundEverywhere is an engine on all addresses of both families.
func soundEverywhere(t *testing.T) *media.Engine {
	t.Helper()
	return engineAt(t, netip.IPv6Unspecified())
}
