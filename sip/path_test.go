package sip

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

func TestPathOfARegister(t *testing.T) {
	const good = "Contact: <sip:a@x7k.invalid;transport=ws>"
	var many []string
	for i := range maxPath + 1 {
		many = append(many, fmt.Sprintf("<sip:p%d.example;lr>", i))
	}
	for name, c := range map[string]struct {
		headers []string
		code    int
		kept    []string
		echoed  bool
	}{
		"of one proxy":                       {[]string{"Path: <sip:192.0.2.1;lr>", "Supported: path"}, 200, []string{"<sip:192.0.2.1;lr>"}, true},
		"of two, in one header":              {[]string{"Path: <sip:p1.example;lr>, <sip:t0ken@p2.example;lr>;ob", "Supported: outbound, path"}, 200, []string{"<sip:p1.example;lr>", "<sip:t0ken@p2.example;lr>;ob"}, true},
		"of two, in two headers":             {[]string{"Path: <sip:p1.example;lr>", "Path: <sip:p2.example;lr>", "Supported: path"}, 200, []string{"<sip:p1.example;lr>", "<sip:p2.example;lr>"}, true},
		"required":                           {[]string{"Path: <sip:p1.example;lr>", "Require: path", "Supported: path"}, 200, []string{"<sip:p1.example;lr>"}, true},
		"a phone that does not know it":      {[]string{"Path: <sip:p1.example;lr>"}, 200, []string{"<sip:p1.example;lr>"}, false},
		"none":                               {[]string{"Supported: path"}, 200, nil, false},
		"without brackets":                   {[]string{"Path: sip:p1.example;lr"}, 400, nil, false},
		"of another scheme":                  {[]string{"Path: <tel:+1>"}, 400, nil, false},
		"with headers":                       {[]string{"Path: <sip:p1.example;lr?Route=x>"}, 400, nil, false},
		"too long":                           {[]string{"Path: <sip:" + strings.Repeat("a", maxPathURI) + ".example;lr>"}, 400, nil, false},
		"of too many":                        {[]string{"Path: " + strings.Join(many, ", ")}, 400, nil, false},
		"required, and something we lack":    {[]string{"Path: <sip:p1.example;lr>", "Require: path, gruu"}, 420, nil, false},
		"with an open bracket":               {[]string{"Path: <sip:p1.example;lr"}, 400, nil, false},
		"a route to somebody else, smuggled": {[]string{"Path: <sip:p1.example;lr>\t;x"}, 400, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newRegistry(t, newShelf())
			res := h.send(regist{headers: append([]string{good}, c.headers...)})
			if res.StatusCode != c.code {
				t.Fatalf("%d, want %d", res.StatusCode, c.code)
			}
			if c.code != 200 {
				return
			}
			b := h.contacts("aysel")
			if len(b) != 1 || !slices.Equal(b[0].Path, c.kept) || b[0].Contact != "sip:a@x7k.invalid;transport=ws" {
				t.Errorf("kept %+v", b)
			}
			var echoed []string
			for _, p := range res.GetHeaders("Path") {
				echoed = append(echoed, p.Value())
			}
			if want := c.kept; c.echoed && !slices.Equal(echoed, want) || !c.echoed && echoed != nil {
				t.Errorf("echoed %q", echoed)
			}
			if again := h.restart().contacts("aysel"); len(again) != 1 || !slices.Equal(again[0].Path, c.kept) {
				t.Errorf("after a restart %+v", again)
			}
		})
	}
}

func TestABrowserThatReloads(t *testing.T) {
	instance := `;+sip.instance="<urn:uuid:ab>"`
	type step struct{ callID, contact, params, path string }
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"on the same connection": {[]step{
			{"1", "a@one.invalid", "", "<sip:p.example;received=sip:10.0.0.1:5%3Btransport%3Dws;lr>"},
			{"2", "a@two.invalid", "", "<sip:p.example;received=sip:10.0.0.1:5%3Btransport%3Dws;lr>"}}, "a@two.invalid"},
		"on a connection that a token names": {[]step{
			{"1", "a@one.invalid", "", "<sip:t0ken@p.example;lr;ob>"}, {"2", "a@two.invalid", "", "<sip:t0ken@p.example;lr;ob>"}}, "a@two.invalid"},
		"on another connection, as the same device": {[]step{
			{"1", "a@one.invalid", instance, "<sip:t1@p.example;lr>"}, {"2", "a@two.invalid", instance, "<sip:t2@p.example;lr>"}}, "a@two.invalid"},
		"two phones behind a proxy that names no connection": {[]step{
			{"1", "a@10.0.0.1", "", "<sip:p.example;lr>"}, {"2", "a@10.0.0.2", "", "<sip:p.example;lr>"}}, "a@10.0.0.1 a@10.0.0.2"},
		"two phones on two connections": {[]step{
			{"1", "a@one.invalid", "", "<sip:t1@p.example;lr>"}, {"2", "a@two.invalid", "", "<sip:t2@p.example;lr>"}}, "a@one.invalid a@two.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newRegistry(t, newShelf())
			for _, s := range c.steps {
				h.must(regist{callID: s.callID, headers: []string{contactLine(s.contact, s.params), "Path: " + s.path}})
			}
			if got := h.uris("aysel"); got != c.want {
				t.Errorf("rings %q, want %q", got, c.want)
			}
		})
	}
}

// registerWith registers with further headers.
func (d *deskPhone) registerWith(extra string) {
	d.t.Helper()
	d.send(d.text("REGISTER", "sip:test", "Expires: 60\r\n"+extra, ""))
	challenge := d.answer("REGISTER", 401)
	d.send(d.text("REGISTER", "sip:test", "Expires: 60\r\n"+extra+d.credentials(challenge, "REGISTER", "sip:test"), ""))
	d.answer("REGISTER", 200)
}

// The call goes to the proxy with the Path as its route, also after the proxy's connection has
// been another.
func TestAPhoneBehindAProxy(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			h := open(t, nil, nil)
			proxy := exchangeAt(t, "127.0.0.5", nil)
			path := fmt.Sprintf("<sip:%s;transport=%s;lr>", proxy.at, network)
			d := h.deskPhoneAt(network, "127.0.0.5")
			d.registerWith("Path: " + path + "\r\nSupported: path\r\n")
			l, invite := h.ring(t, d)
			if invite.get("Route") != path || !strings.HasPrefix(invite.start, "INVITE sip:anar@192.0.2.9:") {
				t.Errorf("%s, Route %q", invite, invite.get("Route"))
			}
			l.Hangup(call.Reason{})
			d.send(respond(d.request("BYE"), 200, "", "", ""))
			if network == "udp" {
				return
			}
			_ = d.conn.Close()
			eventually(t, "the connection is gone", func() bool { return l.flow.tcp.gone() })
			other := h.deskPhoneAt("tcp", "127.0.0.5") // another connection of the proxy
			other.send(other.text("OPTIONS", "sip:test", "", ""))
			other.answer("OPTIONS", 200)
			_ = other.conn.Close()
			if !h.Registered(testUser) {
				t.Fatal("not registered any longer, although the proxy may still be there")
			}
			out := h.dial(t.Context(), call.Dial{Call: "c", From: "1"})
			p := proxy.next()
			p.send(respond(p.request("INVITE"), 486, "x", "", ""))
			p.request("ACK")
			if e := failure(t, out); e.Failure != call.Busy {
				t.Errorf("%v", e)
			}
			// A path that leads elsewhere than to where the REGISTER came from is not followed.
			_ = p.conn.Close()
			d = h.deskPhoneAt("tcp", "127.0.0.6")
			d.registerWith("Path: " + path + "\r\n")
			_ = d.conn.Close()
			h.Server.reg.drop(testUser, func(b *bound) bool { return b.Source.Addr() != netip.MustParseAddr("127.0.0.6") })
			eventually(t, "it is unreachable", func() bool {
				e := failure(t, h.dial(t.Context(), call.Dial{}))
				return e.Failure == call.Unreachable
			})
			if len(proxy.came) > 0 {
				t.Error("the proxy of somebody else was connected to")
			}
		})
	}
}

// A proxy takes every INVITE; whether the telephone is there, only its own answer says.
func TestAProxyWhosePhoneIsGone(t *testing.T) {
	h := open(t, nil, func(x *timing) { x.Provisional = 300 * time.Millisecond })
	for _, path := range []string{"Path: <sip:127.0.0.2;lr>\r\n", ""} {
		d := h.deskPhone("udp")
		d.registerWith(path)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		out := h.dial(ctx, call.Dial{Call: "c", From: "1"})
		d.send(respond(d.request("INVITE"), 100, "", "", ""))
		want := call.NoAnswer
		if path != "" {
			want = call.Unreachable
		}
		if e := failure(t, out); e.Failure != want {
			t.Errorf("path %q: %v, want %s", path, e, want)
		}
		cancel()
		d.request("CANCEL")
		h.Server.reg.drop(testUser, func(*bound) bool { return true })
	}
}

func TestPhonesThatAreAskedToAnswer(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	for _, auto := range []bool{true, false} {
		out := h.dial(t.Context(), call.Dial{Call: "c", From: "1", AutoAnswer: auto})
		m := d.request("INVITE")
		at := h.phone.String()
		for name, want := range map[string]string{
			"Call-Info": "<sip:" + at + ">;answer-after=0", "Alert-Info": "<http://" + at + ">;info=alert-autoanswer;delay=0", "Answer-Mode": "Auto",
		} {
			if !auto {
				want = ""
			}
			if got := m.get(name); got != want {
				t.Errorf("auto %v: %s %q", auto, name, got)
			}
		}
		d.send(respond(m, 486, "x", "", ""))
		d.request("ACK")
		failure(t, out)
	}
}
