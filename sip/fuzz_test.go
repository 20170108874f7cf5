package sip

import (
	"net/netip"
	"testing"
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
