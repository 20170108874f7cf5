package sip

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// A deskPhone is an operator's telephone: a peer with a user and a password.
type deskPhone struct {
	*peer
	user, secret string
	scheme       string // of its Contact; "": sip
	id           string
	seq          int
}

func (h *house) deskPhone(network string) *deskPhone {
	h.t.Helper()
	return h.deskPhoneAt(network, "127.0.0.2")
}

func (h *house) deskPhoneAt(network, from string) *deskPhone {
	h.t.Helper()
	return h.deskPhoneTo(network, from, h.listener(phoneSide, network))
}

func (h *house) deskPhoneTo(network, from string, to netip.AddrPort) *deskPhone {
	h.t.Helper()
	p := peerAt(h.t, network, from, to)
	return &deskPhone{peer: p, user: testUser, secret: testSecret, id: "phone-" + p.at.String()}
}

var nonceIn = regexp.MustCompile(`nonce="([^"]+)"`)

// credentials answers a challenge by MD5, as most phones do.
func (d *deskPhone) credentials(challenge message, method, uri string) string {
	nonce := ""
	for _, c := range challenge.all("WWW-Authenticate") {
		if m := nonceIn.FindStringSubmatch(c); m != nil && strings.Contains(c, "MD5") {
			nonce = m[1]
		}
	}
	sum := func(s string) string {
		b := md5.Sum([]byte(s))
		return hex.EncodeToString(b[:])
	}
	ha1, ha2 := sum(d.user+":test:"+d.secret), sum(method+":"+uri)
	response := sum(ha1 + ":" + nonce + ":00000001:c:auth:" + ha2)
	return fmt.Sprintf("Authorization: Digest username=%q, realm=\"test\", nonce=%q, uri=%q, algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\", response=%q\r\n",
		d.user, nonce, uri, response)
}

// text writes a request outside a call.
func (d *deskPhone) text(method, uri, extra, sdp string) string {
	d.seq++
	kind := ""
	if sdp != "" {
		kind = "Content-Type: application/sdp\r\n"
	}
	network := strings.ToLower(d.network())
	scheme := cmp.Or(d.scheme, "sip")
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/%s 192.0.2.9:5060;branch=z9hG4bK%s%d\r\nMax-Forwards: 70\r\nFrom: <sip:%s@test>;tag=p\r\nTo: <sip:%s@test>\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <%s:%s@192.0.2.9:%d;transport=%s>\r\n%s%sContent-Length: %d\r\n\r\n%s",
		method, uri, strings.ToUpper(network), strings.ReplaceAll(d.at.String(), ":", "-"), d.seq, d.user, d.user, d.id, d.seq, method, scheme, d.user, d.at.Port(), network, extra, kind, len(sdp), sdp)
}

// register does it in two steps and wants the code at the end.
func (d *deskPhone) register(code int) message {
	d.t.Helper()
	d.send(d.text("REGISTER", "sip:test", "Expires: 60\r\n", ""))
	challenge := d.answer("REGISTER", 401)
	d.send(d.text("REGISTER", "sip:test", "Expires: 60\r\n"+d.credentials(challenge, "REGISTER", "sip:test"), ""))
	return d.answer("REGISTER", code)
}

func TestAStrangerOnThePhoneSide(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.send(d.text("INVITE", "sip:919@test", "", sdpFor(40000, "sendrecv")))
	d.send(d.text("OPTIONS", "sip:test", "", ""))
	d.send(d.text("BYE", "sip:test", "", ""))
	d.send("nonsense")
	d.send("SIP/2.0 200 OK\r\n\r\n")
	d.quiet(100 * time.Millisecond)
	if n := count(t, h, "hotline_sip_silenced_total", "phones"); n != 3 {
		t.Errorf("%v silenced", n)
	}
	d.secret = "wrong"
	d.register(401)
	d.user = "nobody"
	d.register(401)
	if h.Registered(testUser) || h.Registrations() != 0 {
		t.Error("registered")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.serverTxs) != 0 {
		t.Errorf("%d transactions kept for a stranger", len(h.serverTxs))
	}
}

func TestAPhoneRegistersAndDials(t *testing.T) {
	told := make(chan string, 4)
	h := open(t, func(o *Options) {
		o.Registered = func(user string, registered, fresh bool) { told <- fmt.Sprint(user, registered, fresh) }
	}, nil)
	d := h.deskPhone("udp")
	d.register(200)
	if got := <-told; got != fmt.Sprint(testUser, true, true) {
		t.Errorf("told %q", got)
	}
	if !h.Registered(testUser) || h.Registrations() != 1 || count(t, h, "hotline_sip_registrations", "") != 1 {
		t.Error("not registered")
	}
	d.send(d.text("OPTIONS", "sip:test", "", ""))
	d.answer("OPTIONS", 200)

	d.id += "-call"
	d.send(d.text("INVITE", "sip:*55@test", "", sdpFor(40000, "sendrecv")))
	challenge := d.answer("INVITE", 401)
	d.send(d.text("INVITE", "sip:*55@test", d.credentials(challenge, "INVITE", "sip:*55@test"), sdpFor(40000, "sendrecv")))
	l := next(t, h.phones)
	if i := l.Info(); i.User != testUser || i.Dialled != "*55" || i.Role != call.RoleOperator || i.Unfit != 0 {
		t.Errorf("info %+v", i)
	}
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Its Via and Contact name an address that nobody reaches; everything goes to the source.
	d.answer("INVITE", 200)
	if len(h.legs) != 0 {
		t.Error("a phone's call was given to the line")
	}
}

func TestAPhoneIsKnownInItsCallFromAnotherPort(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.register(200)
	l, invite := h.ring(t, d)
	moved := peerAt(t, "udp", "127.0.0.2", h.phone) // its NAT gave it another port
	bye := strings.NewReplacer("TAGOFUS", invite.tag("From"), "CALLID", invite.get("Call-ID")).Replace(
		"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKmoved\r\nFrom: <sip:a@b>;tag=desk\r\nTo: <sip:c@d>;tag=TAGOFUS\r\nCall-ID: CALLID\r\nCSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n")
	moved.send(bye)
	moved.answer("OPTIONS", 200)
	l.Hangup(call.Reason{})
	moved.request("BYE")
	moved.send(strings.Replace(strings.Replace(bye, "z9hG4bKmoved", "z9hG4bKguess", 1), "desk", "guess", 1))
	moved.quiet(50 * time.Millisecond)
}

// ring dials the phone and has it answer.
func (h *house) ring(t *testing.T, d *deskPhone) (*leg, message) {
	t.Helper()
	got := make(chan call.Leg, 1)
	go func() {
		l, err := h.Dial(t.Context(), call.Dial{Call: "c", User: testUser, From: "+000123456789", Display: "919 Русский"})
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	invite := d.request("INVITE")
	d.send(respond(invite, 180, "desk", "", ""))
	d.send(respond(invite, 200, "desk", "Contact: <sip:anar@192.0.2.9>\r\n", sdpFor(40000, "sendrecv")))
	d.request("ACK")
	select {
	case l := <-got:
		return l.(*leg), invite
	case <-time.After(patience):
		t.Fatal("Dial did not return")
		return nil, message{}
	}
}
