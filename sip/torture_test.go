package sip

import (
	"strings"
	"testing"

	"hotline/call"
)

// Beside the 49 messages of RFC 4475 (rfc4475_test.go) stands here what they mean beyond one answer.

// fromRFC4475 is one of the messages, with one text of it replaced.
func fromRFC4475(t *testing.T, name, old, new string) string {
	t.Helper()
	text := string(reachable(tortureFiles(t)[name]))
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %q", name, old)
	}
	return strings.Replace(text, old, new, 1)
}

// wsinv has a To tag, so it is about a dialog, and one that we do not have. Without it all its blanks
// and folded lines are a call.
func TestATortuousCall(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	text := fromRFC4475(t, "wsinv", "tag    = 1918181833n", "no-tag = 1918181833n")
	p.send(strings.Replace(text, "sip:vivekg@", "sip:919@", 1))
	l := next(t, h.legs)
	if i := l.Info(); i.From != "jdrosen" || i.Unfit != 0 {
		t.Errorf("%+v", i)
	}
	l.Hangup(call.Reason{Code: 486})
	if got := p.answer("INVITE", 486); len(got.all("Via")) != 3 || got.tag("To") == "" {
		t.Errorf("%q", got.head)
	}
}

// esc01 names in its user part an address of its own, escaped. It is unescaped once, and is a name.
func TestAnAddressInAUserPart(t *testing.T) {
	h := open(t, func(o *Options) { o.Line = func(n string) bool { return n == "sips:user@example.com" } }, nil)
	p := h.carrier()
	p.send(fromRFC4475(t, "esc01", "", ""))
	next(t, h.legs).Hangup(call.Reason{Code: 486})
	p.answer("INVITE", 486)
}

// escnull as it stands is for a user that nobody has, and is answered like one with a wrong password.
func TestANullInANameIsNoEnd(t *testing.T) {
	h := open(t, nil, nil)
	d := h.deskPhone("udp")
	d.user = testUser + "%00"
	d.register(401)
	if h.Registered(testUser) {
		t.Error("a name was cut at its null")
	}
}

// badbranch twice is two requests, not one and its repeat: an empty branch names nothing.
func TestAnEmptyBranchIsNoTransaction(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	p.send(fromRFC4475(t, "badbranch", "", ""))
	first := p.answer("OPTIONS", 200)
	p.send(fromRFC4475(t, "badbranch", "Call-ID: ", "Call-ID: another-"))
	if second := p.answer("OPTIONS", 200); second.get("Call-ID") == first.get("Call-ID") || second.tag("To") == first.tag("To") {
		t.Errorf("%q and %q", first.head, second.head)
	}
}

// mpart01 keeps its bytes: the description behind a part of binary zeros is found whole.
func TestBinaryPartsAreKept(t *testing.T) {
	h := open(t, nil, nil)
	p := h.carrier()
	c := p.dials()
	c.kind = "multipart/mixed;boundary=7a9cbec02ceef655"
	c.sdp = "--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\xff\r\n\x00\x00--7a9\r\n" +
		"--7a9cbec02ceef655\r\nContent-Type: application/sdp\r\n\r\n" + c.sdp + "\r\n--7a9cbec02ceef655--\r\n"
	l := h.served(c)
	if l.Info().Unfit != 0 {
		t.Fatalf("unfit %d", l.Info().Unfit)
	}
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ok := p.answer("INVITE", 200); !strings.Contains(ok.body, "m=audio ") {
		t.Errorf("answered with %q", ok.body)
	}
}
