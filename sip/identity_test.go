package sip

import (
	"fmt"
	"strings"
	"testing"
)

// Attack row 16: whatever a header that looks like an identity is spelled like, the number is the
// carrier's, or the one in From, and never a mixture; on the phone side it is never read.
func TestSpellingsOfAnIdentity(t *testing.T) {
	const theirs = "+000666" // what the attacker would like to be
	for i, x := range []struct{ header, want string }{
		// Right, however unusual: RFC 3261 §7.3.1 lets all of these stand.
		{"P-Asserted-Identity: <sip:+000777@h>", "+000777"},
		{"P-Asserted-Identity : <sip:+000777@h>", "+000777"},
		{"P-Asserted-Identity\t: <sip:+000777@h>", "+000777"},
		{"p-asserted-identity:<sip:+000777@h>", "+000777"},
		{"P-ASSERTED-IDENTITY: \"x\" <sip:+000777@h>", "+000777"},
		{"P-Asserted-Identity:\r\n <sip:+000777@h>", "+000777"},
		{"P-Asserted-Identity: <tel:+000777>", "+000777"},
		{"P-Asserted-Identity: <sip:+000777@h>, <tel:+000777>", "+000777"},
		{"P-Asserted-Identity: sip:+000777@h", "+000777"},
		{"P-Asserted-Identity: \"a, b <sip:+000666@x>\" <sip:+000777@h>", "+000777"},
		{"P-Asserted-Identity: <sip:%2b000777@h>", "+000777"},
		// Another header, however alike.
		{"P-Preferred-Identity: <sip:+000666@h>", "+000123456789"},
		{"P-Asserted-Identity-X: <sip:+000666@h>", "+000123456789"},
		{"X-P-Asserted-Identity: <sip:+000666@h>", "+000123456789"},
		{"P-Asserted_Identity: <sip:+000666@h>", "+000123456789"},
		{"PAsserted-Identity: <sip:+000666@h>", "+000123456789"},
		{"Remote-Party-ID: <sip:+000666@h>;screen=yes", "+000123456789"},
		{"Identity: +000666", "+000123456789"},
		{"Subject: P-Asserted-Identity: <sip:+000666@h>", "+000123456789"},
		{"Subject: x\r\n P-Asserted-Identity: <sip:+000666@h>", "+000123456789"}, // folded: still the subject
		{"Subject: x\r\n\tP-Asserted-Identity: <sip:+000666@h>", "+000123456789"},
		{"Referred-By: <sip:+000666@h>", "+000123456789"},
		// Broken.
		{"P-Asserted-Identity:", "+000123456789"},
		{"P-Asserted-Identity: <>", "+000123456789"},
		{"P-Asserted-Identity: <mailto:+000666@h>", "+000123456789"},
		{"P-Asserted-Identity: <sip:h>", "+000123456789"},
		{"P-Asserted-Identity: <sip:" + strings.Repeat("6", 65) + "@h>", ""},
		{"P-Asserted-Identity: <sip:anonymous@h>", "+000123456789"},
		// Repeated beyond what a carrier writes.
		{"P-Asserted-Identity: <sip:+000666@a>, <sip:+000666@b>, <sip:+000666@c>", "+000123456789"},
		{"P-Asserted-Identity: <sip:+000666@a>\r\nP-Asserted-Identity: <sip:+000666@b>\r\nP-Asserted-Identity: <sip:+000666@c>", "+000123456789"},
	} {
		t.Run(fmt.Sprintf("%d %.40q", i, x.header), func(t *testing.T) {
			h := open(t, nil, nil)
			p := h.carrier()
			c := p.dials()
			c.extra = x.header + "\r\n"
			p.send(c.invite())
			if got := next(t, h.legs).Info().From.Raw(); got != x.want || got == theirs {
				t.Errorf("the caller is %q, want %q", got, x.want)
			}
			d := h.deskPhone("udp")
			d.register(200)
			d.id += "-call"
			d.send(d.text("INVITE", "sip:919@test", "", sdpFor(40000, "sendrecv")))
			challenge := d.answer("INVITE", 401)
			d.send(d.text("INVITE", "sip:919@test", d.credentials(challenge, "INVITE", "sip:919@test")+x.header+"\r\n", sdpFor(40000, "sendrecv")))
			if got := next(t, h.phones).Info().From.Raw(); got != testUser {
				t.Errorf("the phone's user is %q", got)
			}
		})
	}
}

func TestWhomACallWasMeantFor(t *testing.T) {
	for _, x := range []struct{ name, extra, want string }{
		{"us", "", ""},
		{"diverted once", "Diversion: \"x\" <sip:+000111@h>;reason=no-answer\r\n", "+000111"},
		{"diverted twice, in one header", "Diversion: <sip:+000222@h>;reason=busy, <tel:+000111>;reason=no-answer\r\n", "+000111"},
		{"diverted twice, in two", "Diversion: <sip:+000222@h>\r\nDiversion: <sip:+000111@h>\r\n", "+000111"},
		{"history", "History-Info: <sip:+000111@h?Reason=SIP%3Bcause%3D302>;index=1, <sip:919@h>;index=1.1\r\n", "+000111"},
		{"history of a call that came straight", "History-Info: <sip:919@h>;index=1\r\n", ""},
		{"history without its beginning", "History-Info: <sip:+000111@h>;index=2, <sip:919@h>;index=2.1\r\n", ""},
		{"something else", "Diversion: nothing\r\n", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := open(t, nil, nil)
			p := h.carrier()
			c := p.dials()
			c.extra = x.extra
			p.send(c.invite())
			if got := next(t, h.legs).Info().Diverted.Raw(); got != x.want {
				t.Errorf("meant for %q, want %q", got, x.want)
			}
		})
	}
}

func TestACarrierMayLetHiddenNumbersBeSeen(t *testing.T) {
	for _, show := range []bool{false, true} {
		h := open(t, func(o *Options) { o.Trunks.Carriers[0].ShowHidden = show }, nil)
		p := h.carrier()
		c := p.dials()
		c.extra = "Privacy: id\r\nP-Asserted-Identity: <sip:+000777@h>\r\n"
		p.send(c.invite())
		if i := next(t, h.legs).Info(); !i.Withheld || i.ShowHidden != show || i.From.Raw() != "+000777" {
			t.Errorf("show %v: %+v", show, i)
		}
	}
}
