package trace

import (
	"bytes"
	"iter"
	"net/netip"
	"strings"
	"time"

	"hotline/call"
)

// A Message is one SIP message of a call, as it was on the wire.
type Message struct {
	Call      call.ID
	Role      call.Role // of the telephone at the other end
	Peer      string    // who that is: a carrier's name or a SIP user; may be empty
	At        time.Time
	Sent      bool   // by us; else received
	Transport string // "udp", "tcp" or "tls"
	Local     netip.AddrPort
	Remote    netip.AddrPort
	Bytes     []byte
}

// header is the value of the first header of that name or compact form, unfolded.
func header(b []byte, name, compact string) string {
	head, _ := split(b)
	for key, value := range headers(head) {
		if is(key, name) || compact != "" && is(key, compact) {
			return strings.Join(strings.Fields(string(value)), " ")
		}
	}
	return ""
}

func is(key []byte, name string) bool {
	return len(key) == len(name) && strings.EqualFold(string(key), name)
}

// headers are name and value of each header of a message's head, folded lines and all. They lie
// in the head itself.
func headers(head []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		_, rest, _ := bytes.Cut(head, []byte("\n")) // the first line is none
		for len(rest) > 0 {
			end := 0
			for {
				i := bytes.IndexByte(rest[end:], '\n')
				if i < 0 {
					end = len(rest)
					break
				}
				end += i + 1
				if end == len(rest) || rest[end] != ' ' && rest[end] != '\t' {
					break
				}
			}
			name, value, ok := bytes.Cut(rest[:end], []byte(":"))
			if ok && !yield(bytes.TrimSpace(name), value) {
				return
			}
			rest = rest[end:]
		}
	}
}

// split is a message's head, with its line ends, and its body.
func split(b []byte) (head, body []byte) {
	from := 0
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return b, nil
		}
		from += i + 1
		switch rest := b[from:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return b[:from], rest[1:]
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return b[:from], rest[2:]
		}
	}
}

// startLine is the first line of a message.
func startLine(b []byte) string {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return strings.TrimRight(string(line), "\r")
}

// method is the method that a message is about: a request's own, a response's from its CSeq.
func method(b []byte) string {
	_, name, _ := strings.Cut(header(b, "CSeq", ""), " ")
	return name
}
