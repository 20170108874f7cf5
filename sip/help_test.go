package sip

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/media"
)

// crying asks for help for a caller.
func crying(caller call.Number, hidden bool) call.Outside {
	return call.Outside{Call: "c", To: "112", Line: "919", Emergency: true, Caller: caller, Hidden: hidden}
}

// Help sees who needs it, and that they called our line.
func TestWhatHelpSees(t *testing.T) {
	for name, c := range map[string]struct {
		form, line    string
		caller        call.Number
		hidden        bool
		from, pai     string // users; from empty: anonymous
		diversion     string
		withoutCaller bool // as any call of the line
	}{
		"a caller":                        {form: formE164, line: "012919", caller: "0505550100", from: "+994505550100", pai: "+994505550100", diversion: "+99412919"},
		"a caller who withholds":          {form: formE164, line: "012919", caller: "+994505550100", hidden: true, pai: "+994505550100", diversion: "+99412919"},
		"as the carrier writes numbers":   {form: formNational, line: "+99412919", caller: "+994505550100", from: "0505550100", pai: "0505550100", diversion: "012919"},
		"as they are":                     {form: formAsIs, line: "919", caller: "050 555-01-00", from: "050%20555-01-00", pai: "050%20555-01-00", diversion: "919"},
		"a caller with a name":            {form: formAsIs, line: "919", caller: "anar", from: "919", pai: "919", withoutCaller: true},
		"a caller without a number":       {form: formAsIs, line: "919", from: "919", pai: "919", withoutCaller: true},
		"withheld, and no number came":    {form: formAsIs, line: "919", hidden: true, from: "919", pai: "919", withoutCaller: true},
		"somebody who writes other lines": {form: formAsIs, line: "919", caller: "050>\r\nVia: x", from: "919", pai: "919", withoutCaller: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := board(t, "127.0.0.3")
			h := openTrunks(t, nil, by("carrier", func(x *Carrier) { x.Numbers = c.form }, b))
			o := crying(c.caller, c.hidden)
			o.Line = c.line
			out := h.dialOut(t.Context(), o)
			m := b.request("INVITE")
			uri := func(user string) string { return "<sip:" + user + "@" + h.trunk.String() + ">" }
			from := uri(c.from)
			privacy := ""
			if c.from == "" {
				from, privacy = `"Anonymous" <sip:anonymous@anonymous.invalid>`, "id"
			}
			diversion := uri(c.diversion) + ";reason=unconditional"
			if c.withoutCaller {
				diversion = ""
			}
			if got := withoutTag(m.get("From")); got != from {
				t.Errorf("From %q, want %q", got, from)
			}
			for header, want := range map[string]string{"P-Asserted-Identity": uri(c.pai), "Privacy": privacy, "Diversion": diversion, "History-Info": ""} {
				if got := m.get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			b.takes(m)
			legOf(t, out).Hangup(call.Reason{})
			bye := b.request("BYE")
			if got := withoutTag(bye.get("From")); got != from { // the dialog is one of that From
				t.Errorf("From %q of the BYE, want %q", got, from)
			}
			b.send(respond(bye, 200, "", "", ""))
		})
	}
}

// Only help hears of the caller: what another call says of one does not leave the house.
func TestOnlyHelpHearsOfTheCaller(t *testing.T) {
	b := board(t, "127.0.0.3")
	h := openTrunks(t, nil, by("carrier", nil, b))
	o := asking()
	o.Caller, o.Hidden, o.Emergency = "0505550100", true, true // to a number that is no emergency
	out := h.dialOut(t.Context(), o)
	m := b.request("INVITE")
	if whole := strings.Join(m.head, "\n"); strings.Contains(whole, "505550100") || m.get("Diversion") != "" || m.get("Privacy") != "" {
		t.Errorf("a carrier sees %s", whole)
	}
	b.takes(m)
	legOf(t, out)
}

// Whatever the first says, or does not say, the next is tried, soon.
func TestHelpByTheNextTrunk(t *testing.T) {
	for name, code := range map[string]int{
		"silent": 0, "tries for ever": 100, "busy": 486, "busy everywhere": 600, "declined": 603, "forbidden": 403, "not known": 404,
		"another codec": 488, "sick": 503, "moved": 302,
	} {
		t.Run(name, func(t *testing.T) {
			first, second := board(t, "127.0.0.3"), board(t, "127.0.0.4")
			h := openTrunksIn(t, func(x *timing) {
				trunkTimes(x)
				x.Provisional = patience
				if code >= 200 {
					x.Help = patience // it is the refusal that moves the call on, and not the clock
				}
			}, nil, by("first", nil, first), by("second", func(c *Carrier) { c.Priority = 2 }, second))
			began := time.Now()
			out := h.dialOut(t.Context(), crying("", false))
			m := first.request("INVITE")
			switch code {
			case 0:
			case 100:
				first.send(respond(m, 100, "", "", ""))
			default:
				first.refuses(m, code, "")
			}
			second.takes(second.request("INVITE"))
			if l := legOf(t, out); l.Info().Trunk != "second" {
				t.Errorf("it goes by %q", l.Info().Trunk)
			}
			if took := time.Since(began); code == 0 && took < h.times.Help || took > patience/2 {
				t.Errorf("the first had %v", took)
			}
		})
	}
}

// A carrier that rings is not given up for the next: somebody will answer.
func TestHelpThatRings(t *testing.T) {
	first, second := board(t, "127.0.0.3"), board(t, "127.0.0.4")
	h := openTrunksIn(t, func(x *timing) { trunkTimes(x); x.Help, x.HelpTrying = 20*time.Millisecond, 40*time.Millisecond }, nil,
		by("first", nil, first), by("second", func(c *Carrier) { c.Priority = 2 }, second))
	out := h.dialOut(t.Context(), crying("", false))
	m := first.request("INVITE")
	first.send(respond(m, 100, "", "", ""))
	first.send(respond(m, 180, "theirs", "", ""))
	second.quiet(4 * h.times.HelpTrying)
	first.takes(m)
	legOf(t, out)
}

// A carrier that will not have the caller's number is asked once more with the line's, after all others.
func TestHelpInTheNameOfTheLine(t *testing.T) {
	first, second := board(t, "127.0.0.3"), board(t, "127.0.0.4")
	h := openTrunks(t, nil, by("first", nil, first), by("second", func(c *Carrier) { c.Priority = 2 }, second))
	out := h.dialOut(t.Context(), crying("0505550100", false))
	first.refuses(first.request("INVITE"), 403, "")
	second.refuses(second.request("INVITE"), 503, "")
	m := first.request("INVITE")
	if !strings.HasPrefix(m.get("From"), "<sip:919@") || m.get("Diversion") != "" {
		t.Errorf("From %q, Diversion %q", m.get("From"), m.get("Diversion"))
	}
	first.takes(m)
	legOf(t, out)
	out = h.dialOut(t.Context(), crying("", false)) // with no number there is nothing else to try
	first.refuses(first.request("INVITE"), 403, "")
	second.refuses(second.request("INVITE"), 503, "")
	failure(t, out)
	first.quiet(quietTime)
}

// The ways out for help: those of the line that live, others that live, then the rest; a trunk whose
// channels are taken at the very end, but it is there.
func TestTheOrderOfWaysToHelp(t *testing.T) {
	of := func(name string, priority, calls int) Carrier {
		return Carrier{Name: name, Priority: priority, Calls: calls, To: []Host{{Host: "127.0.0.3", Port: 5060}}}
	}
	h := openTrunks(t, nil, of("full", 1, 1), of("down", 1, 0), of("own", 3, 0), of("other", 2, 0),
		Carrier{Name: "brings only", From: []netip.Prefix{netip.MustParsePrefix("127.0.0.7/32")}})
	var got []string
	h.locked("test", func() {
		h.trunks["full"].calls.in = 1
		h.trunks["down"].ends[0].down = true
		for _, r := range h.helpRoutes([]string{"own", "full", "down"}) {
			got = append(got, r.trunk.carrier.Name)
		}
	})
	if want := "own other down full"; strings.Join(got, " ") != want {
		t.Errorf("%s, want %s", strings.Join(got, " "), want)
	}
}

// Of three channels two are kept: one call at a time, either way, and help finds both.
func TestSoManyChannelsAreKeptForHelp(t *testing.T) {
	b := board(t, "127.0.0.3")
	h := openTrunks(t, func(o *Options) { o.Outgoing.Reserve = 2 }, by("carrier", func(c *Carrier) { c.Calls = 3 }, b))
	_, caller := h.connect(h.calling(b))
	if e := failure(t, h.dialOut(t.Context(), asking())); e.Failure != call.Unreachable {
		t.Errorf("a channel of help is given to an operator: %+v", e)
	}
	for range 2 {
		out := h.dialOut(t.Context(), crying("0505550100", false))
		b.takes(b.request("INVITE"))
		legOf(t, out)
	}
	caller.Hangup(call.Reason{})
	b.send(respond(b.request("BYE"), 200, "", "", ""))
	c := b.dials() // two for help are up: nobody else comes in
	b.send(c.invite())
	if over := next(t, h.legs); over.Info().Unfit != 486 {
		t.Errorf("a caller takes a channel of help: %d", over.Info().Unfit)
	} else {
		over.Hangup(call.Reason{Code: 486})
	}
	b.answer("INVITE", 486)
	b.send(c.ack(""))
}

// Without anybody to call for help nothing is kept.
func TestNothingIsKeptForNobody(t *testing.T) {
	b := board(t, "127.0.0.3")
	h := openTrunks(t, func(o *Options) { o.Outgoing.Emergency, o.Outgoing.Reserve = nil, 5 }, by("carrier", func(c *Carrier) { c.Calls = 1 }, b))
	out := h.dialOut(t.Context(), asking())
	b.takes(b.request("INVITE"))
	legOf(t, out)
}

// The last ports for sound are kept, too: of three pairs two are for whoever comes, one is for help.
func TestPortsAreKeptForHelp(t *testing.T) {
	first := 42000 + os.Getpid()%200*6
	b := board(t, "127.0.0.3")
	h := openTrunks(t, func(o *Options) {
		o.Media = engineWith(t, netip.MustParseAddr("127.0.0.1"), media.PortRange{First: first, Last: first + 5})
	}, by("carrier", nil, b))
	h.connect(h.calling(b))
	_, caller := h.connect(h.calling(b))
	if e := failure(t, h.dialOut(t.Context(), asking())); e.Failure != call.Unreachable {
		t.Errorf("the last ports are given to an operator: %+v", e)
	}
	c := b.dials()
	b.send(c.invite())
	if over := next(t, h.legs); over.Info().Unfit != 503 {
		t.Errorf("the last ports are given to a caller: %d", over.Info().Unfit)
	} else {
		over.Hangup(call.Reason{Code: 503})
	}
	b.answer("INVITE", 503)
	b.send(c.ack(""))
	out := h.dialOut(t.Context(), crying("0505550100", false))
	b.takes(b.request("INVITE"))
	legOf(t, out)
	_, err := h.DialOutside(t.Context(), crying("", false)) // nothing is left at all
	var e *call.DialError
	if !errors.As(err, &e) || e.Failure != call.Unreachable {
		t.Errorf("%v", err)
	}
	caller.Hangup(call.Reason{})
}
