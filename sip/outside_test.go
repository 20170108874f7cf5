package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// What a carrier is told: the line's number, in its own form; nothing of the house.
func TestWhatACarrierSeesOfACallOut(t *testing.T) {
	for form, c := range map[string]struct{ line, to, from, wants string }{
		formE164:     {"012919", "0125550100", "+99412919", "+994125550100"},
		formNational: {"+99412919", "+994125550100", "012919", "0125550100"},
		formAsIs:     {"919", "0125550100", "919", "0125550100"},
	} {
		t.Run(form, func(t *testing.T) {
			b := board(t, "127.0.0.3")
			h := openTrunks(t, nil, by("carrier", func(c *Carrier) { c.Numbers = form }, b))
			o := asking()
			o.Line, o.To = c.line, call.Number(c.to)
			out := h.dialOut(t.Context(), o)
			m := b.request("INVITE")
			if want := "INVITE sip:" + c.wants + "@127.0.0.3"; !strings.HasPrefix(m.start, want+" ") && !strings.HasPrefix(m.start, want+":") {
				t.Errorf("%s, want %s", m.start, want)
			}
			if want := "<sip:" + c.from + "@" + h.trunk.String() + ">"; !strings.HasPrefix(m.get("From"), want+";tag=") || m.get("P-Asserted-Identity") != want {
				t.Errorf("From %q, P-Asserted-Identity %q, want %s", m.get("From"), m.get("P-Asserted-Identity"), want)
			}
			whole := strings.Join(append(m.head, m.start, m.body), "\n")
			for _, inside := range []string{"X-Hotline", "anar", "Diversion", "Referred-By", "User-Agent", "Server"} {
				if strings.Contains(whole, inside) {
					t.Errorf("a carrier sees %q", inside)
				}
			}
			b.takes(m)
			l := legOf(t, out)
			if i := l.Info(); i.Role != call.RoleThird || i.Trunk != "carrier" || i.Call != "c" {
				t.Errorf("%+v", i)
			}
			if h.gauge("hotline_sip_trunk_calls", "direction=out", "trunk=carrier") != 1 {
				t.Error("the call is not counted")
			}
			l.Hangup(call.Reason{})
			b.send(respond(b.request("BYE"), 200, "", "", ""))
			if h.gauge("hotline_sip_trunk_calls", "direction=out", "trunk=carrier") != 0 {
				t.Error("the call is counted for good")
			}
		})
	}
}

// The next trunk is for a trunk that fails, never for a person who does not want to talk.
func TestTheNextTrunk(t *testing.T) {
	for name, c := range map[string]struct {
		code  int // of the first trunk; 0: it says nothing, 1: it rings and then gives up
		extra string
		want  call.DialFailure // empty: the second is tried
	}{
		"silent": {0, "", ""}, "503": {503, "", ""}, "500": {500, "", ""}, "504": {504, "", ""}, "408": {408, "", ""},
		"486": {486, "", call.Busy}, "600": {600, "", call.Busy}, "603": {603, "", call.Declined}, "480": {480, "", call.Declined},
		"403": {403, "", call.Declined}, "404": {404, "", call.Unreachable}, "410": {410, "", call.Unreachable}, "484": {484, "", call.Declined},
		"a redirection":     {302, "Contact: <sip:+882161234567@127.0.0.5>\r\n", call.Declined},
		"rang to no answer": {1, "", call.NoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			first, second, third := board(t, "127.0.0.3"), board(t, "127.0.0.4"), board(t, "127.0.0.5")
			h := openTrunks(t, nil, by("first", nil, first), by("second", func(c *Carrier) { c.Priority = 2 }, second))
			out := h.dialOut(t.Context(), asking())
			m := first.request("INVITE")
			switch c.code {
			case 0:
			case 1:
				first.send(respond(m, 180, "theirs", "", ""))
				first.refuses(m, 408, "")
			default:
				first.refuses(m, c.code, c.extra)
			}
			if c.want == "" {
				second.takes(second.request("INVITE"))
				if l := legOf(t, out); l.Info().Trunk != "second" {
					t.Errorf("it goes by %q", l.Info().Trunk)
				}
				return
			}
			if e := failure(t, out); e.Failure != c.want {
				t.Errorf("%+v, want %s", e, c.want)
			}
			second.quiet(quietTime)
			third.quiet(time.Millisecond)
		})
	}
}

// Both hosts of a carrier are tried, and a host that is down last, if nothing else lives.
func TestHostsThatAreDown(t *testing.T) {
	first, second := board(t, "127.0.0.3"), board(t, "127.0.0.4")
	h := openTrunks(t, nil, by("carrier", nil, first, second))
	down := func(which ...bool) {
		h.locked("test", func() {
			for i, d := range which {
				h.trunks["carrier"].ends[i].down = d
			}
		})
	}
	rings := func(p *peer) {
		t.Helper()
		out := h.dialOut(t.Context(), asking())
		p.takes(p.request("INVITE"))
		legOf(t, out).Hangup(call.Reason{})
		p.send(respond(p.request("BYE"), 200, "", "", ""))
	}
	rings(first)
	down(true, false)
	rings(second)
	down(true, true)
	rings(first)
	down(false, false)
	out := h.dialOut(t.Context(), asking())
	first.refuses(first.request("INVITE"), 503, "")
	second.refuses(second.request("INVITE"), 500, "")
	if e := failure(t, out); e.Failure != call.Unreachable || e.Code != 500 {
		t.Errorf("%+v", e)
	}
}

func TestTheOrderOfTrunks(t *testing.T) {
	of := func(name string, priority, weight int) Carrier {
		return Carrier{Name: name, Priority: priority, Weight: weight, To: []Host{{Host: "127.0.0.3", Port: 5060}}}
	}
	h := openTrunks(t, nil, of("heavy", 1, 3), of("light", 1, 1), of("last", 2, 100), Carrier{Name: "brings only", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.7/32")}})
	order := func(names ...string) (out []string) {
		h.locked("test", func() {
			for _, r := range h.routes(names, h.reserve(false)) {
				out = append(out, r.trunk.carrier.Name)
			}
		})
		return out
	}
	first := 0
	for range 1000 {
		all := order()
		if len(all) != 3 || all[2] != "last" {
			t.Fatalf("%q", all)
		}
		if all[0] == "heavy" {
			first++
		}
	}
	if first < 650 || first > 850 { // 750 are due; a deviation is 14
		t.Errorf("of weight 3 in 4 and first %d times in 1000", first)
	}
	if got := order("last", "light"); fmt.Sprint(got) != "[light last]" {
		t.Errorf("of a line with two trunks: %q", got)
	}
	if got := order("brings only"); len(got) != 0 {
		t.Errorf("by a trunk that takes no calls: %q", got)
	}
}

// A carrier sells so many channels, for calls both ways. One is kept for help if anybody can be called
// for it.
func TestACarriersChannels(t *testing.T) {
	small, other := board(t, "127.0.0.3"), board(t, "127.0.0.4")
	h := openTrunks(t, func(o *Options) { o.Outgoing.Emergency = nil },
		by("small", func(c *Carrier) { c.Calls = 2 }, small), by("other", func(c *Carrier) { c.Priority = 2 }, other))
	out := h.dialOut(t.Context(), asking())
	small.takes(small.request("INVITE"))
	outgoing := legOf(t, out)
	_, incoming := h.connect(h.calling(small))

	c := small.dials()
	small.send(c.invite())
	if over := next(t, h.legs); over.Info().Unfit != 486 {
		t.Errorf("a third call is answered %d", over.Info().Unfit)
	} else {
		over.Hangup(call.Reason{Code: over.Info().Unfit})
	}
	small.answer("INVITE", 486)
	small.send(c.ack(""))

	out = h.dialOut(t.Context(), asking())
	other.takes(other.request("INVITE")) // by the next trunk
	legOf(t, out)

	incoming.Hangup(call.Reason{})
	small.send(respond(small.request("BYE"), 200, "", "", ""))
	_, again := h.connect(h.calling(small)) // there is room again
	if h.gauge("hotline_sip_trunk_calls", "direction=in", "trunk=small") != 1 {
		t.Error("what comes in is counted wrongly")
	}
	outgoing.Hangup(call.Reason{})
	again.Hangup(call.Reason{})
}

func TestAChannelIsKeptForHelp(t *testing.T) {
	b := board(t, "127.0.0.3")
	h := openTrunks(t, nil, by("carrier", func(c *Carrier) { c.Calls = 2 }, b))
	h.connect(h.calling(b))
	c := b.dials()
	b.send(c.invite())
	if over := next(t, h.legs); over.Info().Unfit != 486 {
		t.Errorf("the last channel is given to a caller: %d", over.Info().Unfit)
	} else {
		over.Hangup(call.Reason{Code: 486})
	}
	b.answer("INVITE", 486)
	b.send(c.ack(""))
	if e := failure(t, h.dialOut(t.Context(), asking())); e.Failure != call.Unreachable {
		t.Errorf("the last channel is given to an operator: %+v", e)
	}
	help := asking()
	help.To, help.Emergency = "112", true
	out := h.dialOut(t.Context(), help)
	b.takes(b.request("INVITE"))
	legOf(t, out)
}

// What may not leave does not: no carrier hears of it, and it is counted.
func TestACallThatMayNotLeave(t *testing.T) {
	b := board(t, "127.0.0.3")
	h := openTrunks(t, func(o *Options) { o.Outgoing.Calls = 1 }, by("carrier", nil, b))
	for number, why := range map[call.Number]string{"919": "own_number", "+882161234567": "not_allowed", "*72": "no_number"} {
		o := asking()
		o.To = number
		if e := failure(t, h.dialOut(t.Context(), o)); e.Failure != call.Forbidden || e.Code != 403 {
			t.Errorf("%s: %+v", why, e)
		}
		if h.gauge("hotline_sip_outgoing_refused_total", "why="+why) != 1 {
			t.Errorf("%s is not counted", why)
		}
	}
	b.quiet(quietTime)
	// A place is taken while it rings and while it talks, and given back after a refusal.
	out := h.dialOut(t.Context(), asking())
	m := b.request("INVITE")
	if e := failure(t, h.dialOut(t.Context(), asking())); e.Failure != call.Forbidden {
		t.Errorf("a second at once: %+v", e)
	}
	b.refuses(m, 486, "")
	failure(t, out)
	out = h.dialOut(t.Context(), asking())
	b.takes(b.request("INVITE"))
	l := legOf(t, out)
	if e := failure(t, h.dialOut(t.Context(), asking())); e.Failure != call.Forbidden {
		t.Errorf("a second while it talks: %+v", e)
	}
	l.Hangup(call.Reason{})
	b.send(respond(b.request("BYE"), 200, "", "", ""))
	out = h.dialOut(t.Context(), asking())
	b.refuses(b.request("INVITE"), 603, "")
	failure(t, out)
}

// A call nobody waits for any more is cancelled, and no other trunk is troubled.
func TestACallOutThatIsGivenUp(t *testing.T) {
	first, second := board(t, "127.0.0.3"), board(t, "127.0.0.4")
	h := openTrunks(t, nil, by("first", nil, first), by("second", func(c *Carrier) { c.Priority = 2 }, second))
	ctx, cancel := context.WithCancel(t.Context())
	out := h.dialOut(ctx, asking())
	m := first.request("INVITE")
	first.send(respond(m, 180, "theirs", "", ""))
	cancel()
	first.send(respond(first.request("CANCEL"), 200, "theirs", "", ""))
	first.refuses(m, 487, "")
	if e := failure(t, out); e.Failure != call.Withdrawn {
		t.Errorf("%+v", e)
	}
	second.quiet(quietTime)
	if h.gauge("hotline_sip_trunk_calls", "direction=out", "trunk=first") != 0 {
		t.Error("it is counted still")
	}
}

// Sound before the answer is told once, of the leg that the dial returns.
func TestSoundBeforeTheAnswerOfACallOut(t *testing.T) {
	b := board(t, "127.0.0.3")
	h := openTrunks(t, nil, by("carrier", nil, b))
	early, rang := make(chan call.Leg, 9), make(chan bool, 9)
	o := asking()
	o.Early = func(l call.Leg) { early <- l }
	o.Ringing = func() { rang <- true }
	out := h.dialOut(t.Context(), o)
	m := b.request("INVITE")
	b.send(respond(m, 100, "", "", ""))
	b.send(respond(m, 183, "theirs", "", sdpFor(40000, "sendrecv")))
	b.send(respond(m, 183, "theirs", "", sdpFor(40000, "sendrecv")))
	l := next(t, early)
	b.takes(m)
	if legOf(t, out) != l {
		t.Error("the leg that answered is another")
	}
	if len(early) != 0 || len(rang) != 1 {
		t.Errorf("told %d more times of the sound, %d times of the ringing", len(early), len(rang))
	}
}

// A carrier that answers a call that went to the next one meanwhile is thanked and hung up on.
func TestALateAnswerOfTheFirstTrunk(t *testing.T) {
	first, second := board(t, "127.0.0.3"), board(t, "127.0.0.4")
	h := openTrunks(t, nil, by("first", nil, first), by("second", func(c *Carrier) { c.Priority = 2 }, second))
	out := h.dialOut(t.Context(), asking())
	m := first.request("INVITE")
	other := second.request("INVITE") // the first has said nothing for four seconds
	first.send(respond(m, 200, "theirs", fmt.Sprintf("Contact: <sip:them@%s>\r\n", first.at), sdpFor(40000, "sendrecv")))
	first.request("ACK")
	first.send(respond(first.request("BYE"), 200, "", "", ""))
	second.takes(other)
	if l := legOf(t, out); l.Info().Trunk != "second" {
		t.Errorf("it goes by %q", l.Info().Trunk)
	}
}

// No look-up is ever on the way of a call: with a deaf name server calls go where they went before.
func TestNoCallWaitsForDNS(t *testing.T) {
	d := nameServerFor(t)
	b := board(t, "127.0.0.3")
	d.host("sip.carrier.example", "127.0.0.3")
	h := openTrunksIn(t, lookupTimes, func(o *Options) { o.Resolver = d.resolver() },
		Carrier{Name: "carrier", To: []Host{{Host: "sip.carrier.example", Port: b.at.Port()}}})
	d.silence(true)
	before := d.questions()
	eventually(t, "it is looked up again", func() bool { return d.questions() > before })
	out := h.dialOut(t.Context(), asking())
	m := b.request("INVITE")
	if !strings.HasPrefix(m.start, "INVITE sip:+994125550100@sip.carrier.example") {
		t.Errorf("%s", m.start)
	}
	b.takes(m)
	legOf(t, out)
}

// A carrier moves, and calls go with it.
func TestACarrierMoves(t *testing.T) {
	d := nameServerFor(t)
	old := board(t, "127.0.0.3")
	moved := boardOn(t, "127.0.0.4", old.at.Port())
	d.host("sip.carrier.example", "127.0.0.3")
	h := openTrunksIn(t, lookupTimes, func(o *Options) { o.Resolver = d.resolver() },
		Carrier{Name: "carrier", To: []Host{{Host: "sip.carrier.example", Port: old.at.Port()}}})
	d.host("sip.carrier.example", "127.0.0.4")
	eventually(t, "the new address is known", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		e := h.trunks["carrier"].ends
		return len(e) == 1 && e[0].at == moved.at
	})
	out := h.dialOut(t.Context(), asking())
	moved.takes(moved.request("INVITE"))
	legOf(t, out)
	// The new host may bring calls, the old one no longer.
	h.calling(old).send(old.dials().invite())
	old.quiet(quietTime)
	h.connect(h.calling(moved))
}

func TestNoTrunkAtAll(t *testing.T) {
	h := openTrunks(t, nil, Carrier{Name: "brings only", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.7/32")}})
	_, err := h.DialOutside(t.Context(), asking())
	var e *call.DialError
	if !errors.As(err, &e) || e.Failure != call.Unreachable {
		t.Errorf("%v", err)
	}
}

// Help is called by whatever trunk there is, also one that the line's calls do not leave by.
func TestHelpByAnyTrunk(t *testing.T) {
	own, other := board(t, "127.0.0.3"), board(t, "127.0.0.4")
	h := openTrunks(t, func(o *Options) { o.TrunksOf = func(string) []string { return []string{"own"} } }, by("own", nil, own), by("other", nil, other))
	help := asking()
	help.To, help.Emergency = "112", true
	out := h.dialOut(t.Context(), help)
	own.refuses(own.request("INVITE"), 503, "")
	other.takes(other.request("INVITE"))
	legOf(t, out)
	out = h.dialOut(t.Context(), asking()) // anybody else is not
	own.refuses(own.request("INVITE"), 503, "")
	failure(t, out)
	claimed := asking()
	claimed.Emergency = true
	out = h.dialOut(t.Context(), claimed)
	own.refuses(own.request("INVITE"), 503, "")
	failure(t, out)
	other.quiet(quietTime)
}

// A trunk over a connection: made for the call, used for all of it, and one that is refused costs no
// time.
func TestACallOutOverAConnection(t *testing.T) {
	theirs := newAuthority(t)
	for _, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			var config *tls.Config
			if transport == "tls" {
				config = &tls.Config{Certificates: []tls.Certificate{theirs.pair("sip.carrier.example")}}
			}
			e, gone := exchangeAt(t, "127.0.0.3", config), exchangeAt(t, "127.0.0.4", nil)
			_ = gone.ln.Close()
			host := func(at netip.AddrPort) Host {
				return Host{Host: at.Addr().String(), Port: at.Port(), Transport: transport}
			}
			h := openTrunks(t, nil, Carrier{Name: "carrier", To: []Host{host(gone.at), host(e.at)}, TLS: CarrierTLS{CA: theirs.file, Name: "sip.carrier.example"}})
			out := h.dialOut(t.Context(), asking())
			p := e.next()
			m := p.request("INVITE")
			if !strings.HasPrefix(m.get("Via"), "SIP/2.0/"+strings.ToUpper(transport)+" ") || !strings.Contains(m.get("Contact"), ";transport="+transport+">") {
				t.Errorf("Via %q, Contact %q", m.get("Via"), m.get("Contact"))
			}
			p.takes(m)
			legOf(t, out).Hangup(call.Reason{})
			p.send(respond(p.request("BYE"), 200, "", "", ""))
			if len(e.came) != 0 {
				t.Error("a second connection was made")
			}
		})
	}
}

// Calls are counted on when the settings of their carrier change.
func TestOtherSettingsForACarrierWithCalls(t *testing.T) {
	b := board(t, "127.0.0.3")
	c := by("carrier", func(c *Carrier) { c.Calls = 3 }, b)
	h := openTrunks(t, nil, c)
	out := h.dialOut(t.Context(), asking())
	b.takes(b.request("INVITE"))
	l := legOf(t, out)
	c.Calls = 2 // and one is for help
	h.SetCarriers([]Carrier{c})
	talks := func() float64 { return h.gauge("hotline_sip_trunk_calls", "direction=out", "trunk=carrier") }
	if talks() != 1 {
		t.Errorf("%v calls after the change", talks())
	}
	if e := failure(t, h.dialOut(t.Context(), asking())); e.Failure != call.Unreachable {
		t.Errorf("there is room for another: %+v", e)
	}
	l.Hangup(call.Reason{})
	b.send(respond(b.request("BYE"), 200, "", "", ""))
	if talks() != 0 {
		t.Errorf("%v calls after the end", talks())
	}
}

// A line is found by what was dialled, not by how the carrier writes it.
func TestALineInAllItsSpellings(t *testing.T) {
	lines := []string{"919", "0125559190", "+994771234567"}
	h := openTrunks(t, func(o *Options) {
		o.Outgoing.Own = lines
		o.Line = func(n string) bool { return slices.Contains(lines, n) }
	}, Carrier{Name: "carrier", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	for dialled, line := range map[string]string{
		"919": "919", "0125559190": "0125559190", "+994125559190": "0125559190", "00994125559190": "0125559190", "994125559190": "0125559190",
		"0771234567": "+994771234567", "+994771234567": "+994771234567", "9191": "", "+9199": "", "5559190": "",
	} {
		p := h.carrier()
		c := p.dials()
		c.target = "sip:" + dialled + "@127.0.0.1"
		p.send(c.invite())
		if line == "" {
			p.answer("INVITE", 404)
			continue
		}
		l := next(t, h.legs)
		if got := l.Info().Dialled; got != line {
			t.Errorf("%s is taken for %q, want %s", dialled, got, line)
		}
		l.Hangup(call.Reason{Code: 486})
		p.answer("INVITE", 486)
	}
}

// A name with SRV records is a carrier with several hosts: where the first is sick the next takes the
// call.
func TestAHostBehindSRVThatIsSick(t *testing.T) {
	d := nameServerFor(t)
	first, second := board(t, "127.0.0.3"), board(t, "127.0.0.4")
	d.host("a.carrier.example", "127.0.0.3")
	d.host("b.carrier.example", "127.0.0.4")
	d.service("_sip._udp.carrier.example", 20, 1, second.at.Port(), "b.carrier.example")
	d.service("_sip._udp.carrier.example", 10, 1, first.at.Port(), "a.carrier.example")
	h := openTrunks(t, func(o *Options) { o.Resolver = d.resolver() }, Carrier{Name: "carrier", To: []Host{{Host: "carrier.example"}}})
	out := h.dialOut(t.Context(), asking())
	first.refuses(first.request("INVITE"), 503, "")
	m := second.request("INVITE")
	if !strings.HasPrefix(m.start, "INVITE sip:+994125550100@carrier.example") {
		t.Errorf("%s", m.start)
	}
	second.takes(m)
	legOf(t, out)
}

// Settings that change all the time disturb no call, and nothing is counted for good.
func TestSettingsChangeWhileCallsGoOut(t *testing.T) {
	b := board(t, "127.0.0.3")
	c := by("carrier", nil, b)
	h := openTrunks(t, nil, c)
	done := make(chan struct{})
	go func() { // the carrier is busy
		defer close(done)
		for {
			m, ok := b.read(patience)
			if !ok || m.get("Subject") == "enough" {
				return
			}
			if m.method() == "INVITE" && m.code() == 0 {
				b.send(respond(m, 486, "theirs", "", ""))
			}
		}
	}()
	const each, callers = 20, 5
	results := make(chan error, each*callers)
	for range callers {
		go func() {
			for range each {
				_, err := h.DialOutside(t.Context(), asking())
				results <- err
			}
		}()
	}
	for i := range each * callers {
		c.Weight = 1 + i%3
		h.SetCarriers([]Carrier{c})
		o := roomy()
		o.PerDay, o.PerNumberHour, o.PerOperatorDay = 1000+i, 1000, 1000
		h.SetOutgoing(o, baku)
		var e *call.DialError
		select {
		case err := <-results:
			if !errors.As(err, &e) || e.Failure != call.Busy {
				t.Errorf("%v", err)
			}
		case <-time.After(patience):
			t.Fatal("a call came to no end")
		}
	}
	if n := h.gauge("hotline_sip_trunk_calls", "direction=out", "trunk=carrier"); n != 0 {
		t.Errorf("%v calls are counted for good", n)
	}
	h.doorway.mu.Lock()
	left := h.doorway.all + len(h.doorway.byOperator)
	h.doorway.mu.Unlock()
	if left != 0 {
		t.Errorf("%d places are taken for good", left)
	}
	stop := peerAt(t, "udp", "127.0.0.9", b.at)
	stop.send("ENOUGH sip:x SIP/2.0\r\nSubject: enough\r\n\r\n")
	<-done
}
