package sip

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/netip"
	"net/textproto"
	"reflect"
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"
)

// FuzzDatagram throws bytes at the door of a known source. Whatever is read is read the same
// when our own writing of it is read again, and an answer to it is a message that can be read.
func FuzzDatagram(f *testing.F) {
	for _, b := range tortureFiles(f) {
		f.Add(b)
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

// framed is what comes out of a stream that is cut into pieces, in one where cuts is nil.
func framed(cuts *rand.Rand, stream []byte) (heard []string, open bool) {
	c := frames{pong: func() bool { return true }, take: func(d *draft, err error, raw []byte) bool {
		heard = append(heard, fmt.Sprint(d.start, d.fields, string(d.body), err))
		return raw != nil
	}}
	var buf []byte
	open = true
	for len(stream) > 0 && open {
		n := len(stream)
		if cuts != nil {
			n = 1 + cuts.IntN(min(n, 40))
		}
		buf, open = c.consume(append(buf, stream[:n]...))
		stream = stream[n:]
	}
	return heard, open
}

// FuzzStream cuts a stream into pieces: whatever the network makes of it, the same messages come
// out, and it ends at the same one.
func FuzzStream(f *testing.F) {
	for _, b := range tortureFiles(f) {
		f.Add(b, uint64(1))
	}
	f.Add([]byte("\r\n\r\n\r\n\r\nOPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc\r\n\r\nOPTIONS sip:b SIP/2.0\nContent-Length: 0\n\nx"), uint64(2))
	f.Add([]byte("OPTIONS sip:a SIP/2.0\r\nContent-Length: 65530\r\n\r\n"), uint64(3))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		whole, open := framed(nil, stream)
		cut, still := framed(rand.New(rand.NewPCG(seed, seed)), stream)
		// One that grows beyond all limits at once is cut off before it is looked at.
		if len(stream) <= maxStream && (!reflect.DeepEqual(whole, cut) || open != still) {
			t.Fatalf("at once %d messages, open %v; in pieces %d, open %v\n%q\n%q", len(whole), open, len(cut), still, whole, cut)
		}
	})
}

// FuzzURI: a user part never holds what could end a line, and an address that we write is read back.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:919@h", "sips:a%40b:secret@[2001:db8::1]:5061;transport=tcp?x=y", "tel:+994-12-919;phone-context=x", "sip:%00%0d%0a@h", "sip:h", "<sip:a@b>;tag=c", "isbn:1", `"x" <sip:a@b>`, "sip:user;par=u%40example.net@example.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if user := userOfAddress(s); clean(user) != user {
			t.Fatalf("the user of %q is %q", s, user)
		}
		u, ok := parseURI(s)
		if !ok || strings.ContainsAny(s, "\r\n") {
			return
		}
		if u.Raw() != "" || u.Wildcard || u.Host == "" || strings.Contains(s, ":@") {
			return // not an address that we write; an empty password is lost
		}
		again, ok := parseURI(u.String())
		if !ok || again.User != u.User || !strings.EqualFold(again.Host, u.Host) || again.Port != u.Port {
			t.Fatalf("%q is written %q and read back as %+v", s, u.String(), again)
		}
	})
}

// FuzzMultipart: the description that is found is one of the parts, as it stands there.
func FuzzMultipart(f *testing.F) {
	f.Add([]byte("--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n"), "b")
	f.Add([]byte("--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n--c\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--c--\r\n--b--"), "b")
	f.Add([]byte(strings.Repeat("--b\r\n\r\n\r\n", 9)), "b")
	f.Add([]byte("----\r\n\r\n"), "")
	f.Fuzz(func(t *testing.T, body []byte, boundary string) {
		sdp, whole := partSDP(body, boundary)
		if sdp != nil && (!whole || !bytes.Contains(body, sdp) && !bytes.Contains(body, []byte("uoted-"))) {
			t.Fatalf("%q is in none of the parts of %q", sdp, body)
		}
		// What is put into a body comes out of it.
		if mime.FormatMediaType("multipart/mixed", map[string]string{"boundary": boundary}) == "" || len(body) > maxSDP {
			return
		}
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		if w.SetBoundary(boundary) != nil || bytes.Contains(body, []byte("--"+boundary)) {
			return
		}
		for _, kind := range []string{"text/plain", "application/sdp"} {
			part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {kind}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := part.Write(body); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if sdp, whole := partSDP(b.Bytes(), boundary); !whole || !bytes.Equal(sdp, body) {
			t.Fatalf("%q was put in, %q came out", body, sdp)
		}
	})
}

// FuzzInfoDigit: one of sixteen keys, and only where the body names it.
func FuzzInfoDigit(f *testing.F) {
	for _, s := range []string{"Signal=5\r\nDuration=160\r\n", "5", " # ", "Signal= 11", "signal =d", "Signal=5\nSignal=6", "Signal=16", "12"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, kind := range []string{"application/dtmf-relay", "application/dtmf"} {
			d, ok := infoDigit(kind, body)
			if !ok {
				continue
			}
			if !strings.ContainsRune("0123456789*#ABCD", rune(d)) {
				t.Fatalf("%q presses %q", body, d)
			}
			numbered := strings.ContainsAny(body, "0123456789")
			if !strings.ContainsRune(strings.ToUpper(body), rune(d)) && !numbered {
				t.Fatalf("%q presses %q, which it does not name", body, d)
			}
			if again, ok := infoDigit(kind, map[string]string{"application/dtmf-relay": "Signal="}[kind]+string(d)); !ok || again != d {
				t.Fatalf("%q is written %q and read as %q", body, d, again)
			}
		}
	})
}

// FuzzVia: an answer goes back with every Via of the request, the first of them stamped with where the
// request came from, and the next hop finds the branch that it gave.
func FuzzVia(f *testing.F) {
	for _, s := range []string{
		"SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKx", "SIP / 2.0 / UDP  h ; branch = z9hG4bKy , SIP/2.0/TCP i;x", "SIP/2.0/UDP [2001:db8::1];received=[2001:db8::2];rport=9;branch=z9hG4bK", "SIP/2.0/UDP h;;,;,,", "SIP/2.0/UDP h;received=1.2.3.4;received=5.6.7.8",
	} {
		f.Add(s, true)
	}
	parser := newParser()
	f.Fuzz(func(t *testing.T, via string, six bool) {
		from := flow{peer: netip.MustParseAddrPort("192.0.2.77:5061")}
		if six {
			from.peer = netip.MustParseAddrPort("[2001:db8::77]:5061")
		}
		d, err := scanDatagram([]byte("OPTIONS sip:h SIP/2.0\r\nVia: " + via + "\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"))
		if err != nil {
			return
		}
		before := d.all("Via")
		m, err := parseMessage(parser, d, from)
		r, ok := m.(*request)
		if err != nil || !ok {
			return
		}
		branch, _ := r.Via().Params.Get("branch")
		back, err := scanDatagram(answer{code: 200, tag: "t"}.write(r.draft, r.method))
		if err != nil {
			t.Fatalf("the answer cannot be read: %v", err)
		}
		vias := back.all("Via")
		if len(vias) != len(before) || !reflect.DeepEqual(vias[1:], before[1:]) {
			t.Fatalf("%q came, %q go back", before, vias)
		}
		var top sipmsg.ViaHeader
		got, err := parser.ParseSIP(back.bytes())
		if err != nil || got.Via() == nil {
			t.Fatalf("%v of %q", err, vias)
		}
		top = *got.Via()
		if b, _ := top.Params.Get("branch"); b != branch {
			t.Fatalf("branch %q came back as %q", branch, b)
		}
		if v, ok := top.Params.Get("received"); ok && v != from.peer.Addr().String() {
			t.Fatalf("received=%q, it came from %s", v, from.peer)
		}
		if v, ok := top.Params.Get("rport"); ok && v != "5061" {
			t.Fatalf("rport=%q, it came from %s", v, from.peer)
		}
	})
}

// FuzzNumber: a number once normal stays as it is, whatever carrier it is written for.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"919", "012919", "0551234567", "+994 (12) 919-00-00", "00994129190000", "994129190000", "", "+", "00", "anonymous"} {
		f.Add(s)
	}
	plans := []Numbers{{"994", "0", "00"}, {"1", "1", "011"}, {}, {"7", "8", "810"}}
	f.Fuzz(func(t *testing.T, dialled string) {
		for _, p := range plans {
			n := p.E164(dialled)
			if again := p.E164(n); again != n && strings.HasPrefix(n, "+") {
				t.Fatalf("%+v: %q is %q, and that is %q", p, dialled, n, again)
			}
			if len(n) < 7 || len(n) > 16 || n[0] != '+' || n[1] == '0' || !digits(n[1:]) {
				continue // no number of E.164
			}
			if back := p.E164(p.write(n, formNational)); p.Country != "" && p.National != "" && p.International != "" && back != n && !ambiguous(p, n) {
				t.Fatalf("%+v: %q is written %q and read as %q", p, n, p.write(n, formNational), back)
			}
			if p.write(n, formAsIs) != n {
				t.Fatalf("%q is not left alone", n)
			}
		}
	})
}

// ambiguous says that a number's national form is one that stands for another number: too short, or
// beginning like one from abroad.
func ambiguous(p Numbers, n string) bool {
	national := p.write(n, formNational)
	return len(national) <= shortNumber || (strings.HasPrefix(n, "+"+p.Country) && strings.HasPrefix(national, p.International)) || !strings.HasPrefix(n, "+"+p.Country) && p.National != "" && strings.HasPrefix(p.National, p.International)
}
