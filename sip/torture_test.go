package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// The cases of RFC 4475, by its names, each reduced to what is odd in it. % stands for
// something new in each message. code is the answer a carrier gets; 0 none, 1 a call.
var torture = []struct {
	name, text string
	code       int
}{
	{"wsinv", "INVITE sip:919@127.0.0.1;unknownparam SIP/2.0\n" +
		"TO :\n sip:919@127.0.0.1 ;   tag-not = 1918181833n\n" +
		"from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\n  ;\n  Tag = 98asjd8\n" +
		"MaX-fOrWaRdS: 0068\nCall-ID: %\nContent-Length   : 0\n" +
		"cseq: 0009\n  INVITE\n" +
		"Via  : SIP  / 2.0\n /UDP\n    192.0.2.2 ; rport;branch=z9hG4bK%\ns :\n" +
		"NewFangledHeader:   newfangled value\n continued newfangled value\n" +
		"UnknownHeaderWithUnusualValue: ;;,,;;,;\n" +
		"Route:\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\n" +
		"v:  SIP  / 2.0  / TCP     spindle.example.com   ;\n  branch  =   z9hG4bK9ikj8  ,\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\n z9hG4bK30239\n" +
		"m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\n      newvalue ;\n  secondparam ; q = 0.33\n\n", 1},
	{"intmeth", head("!interesting-Method0123456789_*+`.%'~ sip:919@127.0.0.1 SIP/2.0", "!interesting-Method0123456789_*+`.%'~"), 501},
	{"esc01", head("INVITE sip:919@127.0.0.1 SIP/2.0", "INVITE", "From: <sips:user%2540@example.com>;tag=1"), 1},
	{"escnull", head("OPTIONS sip:null-%2500-null@127.0.0.1 SIP/2.0", "OPTIONS"), 200},
	{"esc02", head("RE%2547IST%2545R sip:127.0.0.1 SIP/2.0", "RE%2547IST%2545R"), 501},
	{"lwsdisp", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "From: caller<sip:caller@example.com>;tag=323"), 200},
	{"longreq", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "X: "+strings.Repeat("long", 900), strings.Repeat("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\n", 33)+"Y: z"), 200},
	{"semiuri", head("OPTIONS sip:user;par=u%2540example.net@127.0.0.1 SIP/2.0", "OPTIONS"), 200},
	{"transports", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "Via: SIP/2.0/UNKNOWN t6.example.com;branch=z9hG4bKy"), 200},
	{"badinv01", head("INVITE sip:919@127.0.0.1 SIP/2.0", "INVITE", "Via: SIP/2.0/UDP 192.0.2.15;;,;,,"), 400},
	{"clerr", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "Content-Length: 9999"), 400},
	{"ncl", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "Content-Length: -999"), 400},
	{"scalar02 cseq", strings.Replace(head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS"), "CSeq: 1", "CSeq: 36893488147419103232", 1), 400},
	{"scalar02 hops", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "Max-Forwards: 300"), 400},
	{"scalarlg", "SIP/2.0 503 Service Unavailable\nVia: SIP/2.0/UDP h;branch=z9hG4bK%\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: %\nCSeq: 9292394834772304023312 OPTIONS\n\n", 0},
	{"bigcode", "SIP/2.0 4294967301 better not break the receiver\nVia: SIP/2.0/UDP h;branch=z9hG4bK%\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: %\nCSeq: 1 INVITE\n\n", 0},
	{"quotbal", strings.Replace(head("INVITE sip:919@127.0.0.1 SIP/2.0", "INVITE"), "To: <", "To: \"Mr. J. User <", 1), 400},
	{"ltgtruri", head("INVITE <sip:919@127.0.0.1> SIP/2.0", "INVITE"), 400},
	{"lwsruri", head("INVITE sip:919@127.0.0.1; lr SIP/2.0", "INVITE"), 400},
	{"lwsstart", head("INVITE  sip:919@127.0.0.1  SIP/2.0", "INVITE"), 400},
	{"trws", head("OPTIONS sip:127.0.0.1 SIP/2.0  ", "OPTIONS"), 400},
	{"escruri", head("INVITE sip:919@127.0.0.1?Route=%253Csip:example.com%253E SIP/2.0", "INVITE"), 400},
	{"baddate", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "Date: Fri, 01 Jan 2010 16:00:00 EST"), 200},
	{"regbadct", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "Contact: sip:user@example.com?Route=%253Csip:sip.example.com%253E"), 400},
	{"badaspec", strings.Replace(head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS"), "To: <sip:919@127.0.0.1>", "To: \"Watson, Thomas\" < sip:t.watson@example.org >", 1), 400},
	{"baddn", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"), 400},
	{"badvers", head("OPTIONS sip:127.0.0.1 SIP/7.0", "OPTIONS"), 505},
	{"mismatch01", head("OPTIONS sip:127.0.0.1 SIP/2.0", "INVITE"), 400},
	{"mismatch02", head("NEWMETHOD sip:127.0.0.1 SIP/2.0", "INVITE"), 400},
	{"badbranch", strings.Replace(head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS"), "branch=z9hG4bK%", "branch=z9hG4bK", 1), 200},
	{"insuf", "INVITE sip:919@127.0.0.1 SIP/2.0\nCSeq: 193942 INVITE\nVia: SIP/2.0/UDP 192.0.2.95;rport;branch=z9hG4bK%\nContent-Length: 0\n\n", 400},
	{"unkscm", head("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", "OPTIONS"), 416},
	{"novelsc", head("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", "OPTIONS"), 416},
	{"bext01", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "Require: nothingSupportsThis, nothingSupportsThisEither"), 420},
	{"multi01", head("INVITE sip:919@127.0.0.1 SIP/2.0", "INVITE", "To: <sip:other@example.com>", "Call-ID: two", "CSeq: 5 INVITE"), 400},
	{"mcl01", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "Content-Length: 5", "l: 7"), 400},
	{"bcast", "SIP/2.0 200 OK\nVia: SIP/2.0/UDP h;branch=z9hG4bK%\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: %\nCSeq: 1 INVITE\n\n", 0},
	{"zeromf", head("INVITE sip:919@127.0.0.1 SIP/2.0", "INVITE", "Max-Forwards: 0"), 1},
	{"cparam01", head("OPTIONS sip:127.0.0.1 SIP/2.0", "OPTIONS", "Contact: sip:u@example.net;unknownparam"), 200},
	{"sdp01", head("INVITE sip:919@127.0.0.1 SIP/2.0", "INVITE", "Accept: text/nobodyKnowsThis"), 406},
	{"inv2543", "INVITE sip:919@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP iftgw.example.com;rport\nFrom: <sip:+000@192.0.2.30;user=phone>\nTo: sip:919@127.0.0.1\nCall-ID: %\nCSeq: 56 INVITE\n\n", 1},
	{"no end of headers", "OPTIONS sip:127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bK%\nCSeq: 1 OPTIONS\n", 400},
	{"nothing but a line", "OPTIONS sip:127.0.0.1 SIP/2.0\n", 0},
	{"a broken ACK", "ACK sip:127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bK%\n\n", 0},
	{"ipv6 without brackets (RFC 5118 §4.2)", head("OPTIONS sip:2001:db8::10 SIP/2.0", "OPTIONS"), 400},
	{"ipv6 with brackets (RFC 5118 §4.1)", head("OPTIONS sip:[2001:db8::10] SIP/2.0", "OPTIONS"), 200},
}

// head writes a request; a header given in extra takes the place of the usual one.
func head(start, method string, extra ...string) string {
	var b strings.Builder
	b.WriteString(start + "\n")
	usual := []string{
		"Via: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK%", "From: <sip:a@example.com>;tag=1", "To: <sip:919@127.0.0.1>",
		"Call-ID: %", "CSeq: 1 " + method, "Contact: <sip:a@example.com>",
	}
	for _, u := range usual {
		name, _, _ := strings.Cut(u, ":")
		replaced := false
		for _, x := range extra {
			replaced = replaced || (strings.HasPrefix(x, name+":") && (name == "From" || name == "Contact"))
		}
		if !replaced {
			b.WriteString(u + "\n")
		}
	}
	for _, x := range extra {
		b.WriteString(x + "\n")
	}
	b.WriteString("\n")
	return b.String()
}

// fresh gives a message its own branch and Call-ID; %25 stays a percent sign.
func fresh(text string, n int) string {
	text = strings.ReplaceAll(text, "%25", "\x00")
	text = strings.ReplaceAll(text, "%'~", "\x01")
	text = strings.ReplaceAll(text, "%", fmt.Sprintf("torture%d", n))
	text = strings.ReplaceAll(text, "\x01", "%'~")
	text = strings.ReplaceAll(text, "\x00", "%")
	return strings.ReplaceAll(text, "\n", "\r\n")
}

func TestTortureMessages(t *testing.T) {
	h := open(t, nil, nil)
	control, l := h.connect(h.carrier())
	for n, x := range torture {
		t.Run(x.name, func(t *testing.T) {
			h.t = t
			p := h.carrier()
			p.t = t
			p.send(fresh(x.text, n))
			switch x.code {
			case 0:
				p.quiet(30 * time.Millisecond)
			case 1:
				next(t, h.legs).Hangup(call.Reason{Code: 486})
				p.answer("INVITE", 486)
			default:
				if got := p.want("an answer", func(m message) bool { return m.code() >= 200 }); got.code() != x.code {
					t.Errorf("%v, due was %d", got, x.code)
				}
			}
			// A stranger who sends the same learns nothing.
			stranger := peerAt(t, "udp", "127.0.0.9", h.trunk)
			stranger.send(fresh(x.text, n+1000))
			stranger.quiet(5 * time.Millisecond)
		})
	}
	control.p.send(control.again("BYE", "", "", ""))
	control.p.answer("BYE", 200)
	ended(t, l)
	if n := count(t, h, "hotline_panics_recovered_total", ""); n != 0 {
		t.Errorf("%v panics", n)
	}
}

func TestTwoRequestsInOneDatagram(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	a, b := p.dials(), p.dials()
	p.send(a.text("OPTIONS", a.branch, "", "", "") + b.invite())
	p.answer("OPTIONS", 200)
	p.quiet(50 * time.Millisecond)
}

func TestLimits(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	x := func(n int) string { return strings.Repeat("x", n) }
	lines := func(n int) string { return strings.Repeat("X: y\n", n) }
	for _, c := range []struct {
		name string
		text string
		code int
	}{
		{"header lines", head("OPTIONS sip:h SIP/2.0", "OPTIONS", lines(maxLines-6)+"Z: z"[:0]), 200},
		{"header lines, one more", head("OPTIONS sip:h SIP/2.0", "OPTIONS", lines(maxLines-5)+"Z: z"), 400},
		{"a header", head("OPTIONS sip:h SIP/2.0", "OPTIONS", "X: "+x(maxLine-3)), 200},
		{"a header, one more", head("OPTIONS sip:h SIP/2.0", "OPTIONS", "X: "+x(maxLine-2)), 400},
		{"Via", head("OPTIONS sip:h SIP/2.0", "OPTIONS", strings.Repeat("Via: SIP/2.0/UDP h;branch=z9hG4bKx\n", maxVia-1)+"Y: z"), 200},
		{"Via, one more", head("OPTIONS sip:h SIP/2.0", "OPTIONS", strings.Repeat("Via: SIP/2.0/UDP h;branch=z9hG4bKx\n", maxVia)+"Y: z"), 400},
		{"Record-Route, one more", head("OPTIONS sip:h SIP/2.0", "OPTIONS", strings.Repeat("Record-Route: <sip:h;lr>, <sip:i;lr>\n", maxRoutes/2+1)+"Y: z"), 400},
		{"a tag, one more", strings.Replace(head("OPTIONS sip:h SIP/2.0", "OPTIONS"), "tag=1", "tag="+x(maxIdentifier+1), 1), 400},
		{"a body", head("OPTIONS sip:h SIP/2.0", "OPTIONS") + x(maxSDP), 200},
		{"a body, one more", head("OPTIONS sip:h SIP/2.0", "OPTIONS") + x(maxSDP+1), 413},
		{"a datagram, one more", head("OPTIONS sip:h SIP/2.0", "OPTIONS", strings.Repeat("X: "+x(4000)+"\n", 4)+"Y: z") + x(800), 413},
	} {
		text := fresh(c.text, 5000+len(c.text))
		text = strings.ReplaceAll(text, "\r\n\r\n\r\n", "\r\n\r\n")
		p.send(text)
		if got := p.want(c.name, func(m message) bool { return m.code() >= 200 }); got.code() != c.code {
			t.Errorf("%s: %v, due was %d", c.name, got, c.code)
		}
	}
}

// FuzzDatagram throws bytes at the door of a known source. Whatever is read is read the same
// when our own writing of it is read again, and an answer to it is a message that can be read.
func FuzzDatagram(f *testing.F) {
	for n, x := range torture {
		f.Add([]byte(fresh(x.text, n)))
	}
	parser := newParser()
	from := flow{peer: netip.MustParseAddrPort("127.0.0.1:5060")}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := scanDatagram(b)
		if d == nil {
			if err == nil {
				t.Fatal("neither a draft nor an error")
			}
			return
		}
		a := answer{code: 400, tag: "t", extra: []string{"Allow: " + allowTrunks}}.write(d, "OPTIONS")
		if err != nil {
			return
		}
		m, err := parseMessage(parser, d, from)
		if err != nil {
			return
		}
		again, err := scanDatagram(d.bytes())
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v\n%q", err, d.bytes())
		}
		if _, err := parseMessage(parser, again, from); err != nil {
			t.Fatalf("what was read cannot be read again: %v\n%q", err, d.bytes())
		}
		if r, ok := m.(*request); ok {
			if _, err := scanDatagram(a); err != nil {
				t.Fatalf("our answer to %q cannot be read: %v\n%q", r.method, err, a)
			}
			caller(r)
			dialled(r, "to")
			sessionOf(r)
			serverKey(r, r.method)
			answerFlow(&request{Request: r.Request, draft: r.draft, from: flow{peer: from.peer}})
		}
	})
}
